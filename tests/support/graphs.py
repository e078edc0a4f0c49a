"""The graphs that inductor compiles, counted."""

from adamtut.optim import inductor, native


def counted(monkeypatch):
    """A list that grows by each graph; those of other tests are forgotten."""
    made, compiled = [], inductor.compiled

    def count(function, inputs):
        made.append(compiled(function, inputs))
        return made[-1]

    monkeypatch.setattr(inductor, "compiled", count)
    monkeypatch.setattr(inductor, "_kernels", {})
    # As on another device: the loop in C takes nothing.
    monkeypatch.setattr(native, "compiler", lambda: None)
    return made
