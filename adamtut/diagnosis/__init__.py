"""Which rule an update is, and what is wrong with it: `diagnose`.

An update is tried on streams of gradients and compared with every rule, with other conventions,
classic mistakes and every single change of a rule's text::

    print(diagnose(my_adam))
    print(diagnose(torch.optim.AdamW, weight_decay=0.1))

`diagnose_path` takes any other optimizer, behind a function that makes its path.
"""

from adamtut.diagnosis.report import Diagnosis
from adamtut.diagnosis.search import diagnose, diagnose_path

__all__ = ["Diagnosis", "diagnose", "diagnose_path"]
