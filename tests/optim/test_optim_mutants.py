"""A wrong wrapper must not survive: every small change of `adamtut.optim` is noticed.

The checks are tests of `test_optim`, a choice that together sees everything. A change that passes
all of them is a survivor, and stands in a table with the reason why it is no fault.
"""

import ast
import contextlib
import copy
import dataclasses
import inspect
import itertools
import sys
import textwrap
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import test_arrays as kept
import test_optim as contract
import test_optim_boundaries as bounds
import test_own_rules as own
import torch

from adamtut import optim, rules
from adamtut.diagnosis.mutants import SWAPS
from adamtut.optim import arrays, base, classes, eager, traced
from adamtut.traits import elementwise

pytestmark = pytest.mark.thorough  # as a whole: two minutes on two cores

MODULES = (base, eager, arrays, classes)
PARTS = (arrays.Plan, arrays.Places, arrays.Bundle)
NAMES = [module.__name__ for module in MODULES]

# Changes of code that keeps books. Which global names it uses is left alone: another fails at once.

COMPARISONS = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def replacements(node, names):
    """Every small change of one node: (what it is, the other node)."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef) and not text:
        yield "removed", ast.Pass()
    if isinstance(node, ast.If | ast.IfExp):
        for always in (True, False):
            yield f"always {always}", altered(node, test=ast.Constant(always))
    if isinstance(node, ast.comprehension) and node.ifs:
        yield "if dropped", altered(node, ifs=[])
    if isinstance(node, ast.BinOp):
        for other in SWAPS.get(type(node.op), []):
            yield other.__name__, altered(node, op=other())
        for side in ("left", "right"):
            yield f"the {side} alone", getattr(node, side)
    if isinstance(node, ast.UnaryOp):
        yield "operator dropped", node.operand
    if isinstance(node, ast.BoolOp):
        for i, value in enumerate(node.values):
            yield f"part {i} alone", value
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            other = COMPARISONS[type(op)]
            yield other.__name__, altered(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for value in {node.value + 1, -node.value} - {node.value}:
            yield f"{value}", ast.Constant(value)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{not node.value}", ast.Constant(not node.value)
    if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
        for other in sorted(names - {node.id}):
            yield f"{other}", ast.Name(other, ast.Load())
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        yield "rotated", altered(node, elts=[*node.elts[1:], node.elts[0]])


def floats(tree):
    """The numbers in it, with their sign; of a list of examples others would do."""
    for node in ast.walk(tree):
        number = node.operand if isinstance(node, ast.UnaryOp) else node
        if isinstance(number, ast.Constant) and type(number.value) is float:
            yield node


def altered(node, **fields):
    node = copy.copy(node)
    for field, value in fields.items():
        setattr(node, field, value)
    return node


def changed_trees(tree, lines):
    """(description, tree), where the tree is the same each time and changed in one place."""
    nodes = list(ast.walk(tree))
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    examples = {id(n) for each in nodes if isinstance(each, ast.List) for n in floats(each)}
    for parent in nodes:
        for field, value in list(ast.iter_fields(parent)):
            if field in ("decorator_list", "format_spec"):
                continue
            if isinstance(parent, ast.keyword) and parent.arg == "strict":
                continue
            for i, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST) or id(node) in examples:
                    continue
                for text, other in replacements(node, names):
                    if isinstance(parent, ast.Compare) and text == "rotated":
                        continue  # in which order one looks for something
                    changed = [*value[:i], other, *value[i + 1 :]] if value is not node else other
                    setattr(parent, field, changed)
                    line = lines[getattr(node, "lineno", getattr(parent, "lineno", 1)) - 1].strip()
                    what = ast.unparse(node).splitlines()[0]
                    yield f"{line[:50]} | {what[:30]} → {text}", tree
                    setattr(parent, field, value)


def mutants(function):
    """(description, changed function); `function` as it stands in its class or module."""
    plain, source, tree = parsed(function)
    for description, changed in changed_trees(tree, source.splitlines()):
        try:
            yield description, made(changed, plain)
        except (SyntaxError, NameError, TypeError, ValueError):
            continue  # a default that cannot be evaluated is noticed on import


def unchanged(function):
    plain, _, tree = parsed(function)
    return made(tree, plain)


def parsed(function):
    plain = inspect.unwrap(getattr(function, "__func__", function))
    source = textwrap.dedent(inspect.getsource(plain))
    return plain, source, Bare().visit(ast.parse(source))


class Bare(ast.NodeTransformer):
    """Without annotations, which do nothing."""

    def visit_arg(self, node):
        return altered(node, annotation=None)

    def visit_FunctionDef(self, node):
        return altered(self.generic_visit(node), returns=None)

    def visit_AnnAssign(self, node):
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def made(tree, function):
    """The function of a tree, made within another whose argument is what `super()` looks for."""
    maker = ast.parse(f"def maker(__class__):\n    return {function.__name__}")
    maker.body[0].body[:0] = tree.body
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    owner = cells["__class__"].cell_contents if "__class__" in cells else None
    module, namespace = sys.modules[function.__module__], {}
    exec(compile(ast.fix_missing_locations(maker), "<mutant>", "exec"), vars(module), namespace)
    changed = namespace["maker"](owner)
    return classmethod(changed) if function.__name__ == "__init_subclass__" else changed


# Checks.

float32, float64, bfloat16 = torch.float32, torch.float64, torch.bfloat16


class Compiled(Exception):  # noqa: N818
    """The compiled engine was asked for."""


def the_engine_is_the_one_asked_for():
    with pytest.raises(Compiled):
        contract.train(optim.Adam(params := contract.parameters(), compile=True), params, 1)
    contract.train(optim.Adam(params, compile=False), params, 1)


def what_is_not_elementwise_is_named():
    with pytest.MonkeyPatch.context() as patch:
        own.test_what_is_not_elementwise_is_not_compiled_and_named_once(own.Clipped, patch)


def numpy_is_used_where_it_can_be():
    """And in which form; with another the numbers would be the same, the time would not."""
    zeros = partial(torch.zeros, dtype=float64)
    square, narrow, deep = zeros(3, 3), zeros(2, 2), zeros(2, 3, 4).permute(2, 0, 1)
    cases = [  # parameter, gradient, the shape of the arrays, the sizes of the parts
        (narrow, narrow, (2, 2), [4]),
        (narrow.mT, narrow.mT, (4,), [4]),
        (narrow.mT, narrow, None, []),
        (narrow, narrow.mT, (2, 2), [4]),
        (zeros(()), zeros(()), (), [1]),
        (zeros(2, 4), zeros(2, 4), (2, 4), [8]),
        (square, square, (9,), [8, 1]),
        (square.mT, square.mT, (9,), [8, 1]),
        (square, square.mT, None, []),
        (deep, deep, (24,), [8, 8, 8]),
        (zeros(9, 2)[:, 0], zeros(9), None, []),
        (narrow.float(), narrow.float(), (2, 2), [4]),
        (narrow.bfloat16(), narrow.bfloat16(), None, []),
        (narrow.cfloat(), narrow.cfloat(), None, []),
    ]
    for x, g, shape, sizes in cases:
        p = torch.nn.Parameter(x)
        p.grad = g
        slots, parts = [torch.zeros_like(p), torch.zeros_like(p), torch.ones(())], []

        @elementwise
        def rule(g, t, m=0.0, v=0.0, product=1.0, *, parts=parts):
            parts.append(g.size)
            return g, m, v, product

        arrays = eager._as_numpy(rules.nadam, p, slots)
        assert (arrays is None) is (shape is None)
        if arrays is not None:
            x, g, state = arrays
            assert [a.shape for a in (x, g, *state)] == [shape] * 4 + [()]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(eager, "are_numbers", lambda rule: [False, False, True])
                patch.setattr(eager, "_storable", lambda about, old, new: new)
                numbers = {"lr": 0.1, "l2": None, "weight_decay": None, "maximize": False}
                eager.step_arrays(rule, arrays, 1, hyper={}, functions={}, **numbers)
        assert parts == sizes

    p = torch.nn.Parameter(square.mT)
    p.grad, rule = square.mT, contract.Whole.rule
    assert eager._as_numpy(rule, p, []) is None
    assert eager._as_numpy(rule, p, [torch.zeros_like(p)]) is None
    p.grad = square
    assert eager._as_numpy(rule, p, []) is None
    p = torch.nn.Parameter(square)
    p.grad = square
    assert [a.shape for a in eager._as_numpy(rule, p, [])[:2]] == [(3, 3), (3, 3)]

    special = type("Special", (torch.nn.Parameter,), {})(narrow)
    meta = torch.nn.Parameter(torch.zeros(2, 2, device="meta"))
    for p in (special, meta):
        p.grad = torch.zeros_like(p)
        assert eager._as_numpy(rules.momentum, p, [torch.zeros_like(p)]) is None

    def step_tensors(*arguments, **numbers):
        raise AssertionError("NumPy would have done")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eager, "_step_tensors", step_tensors)
        contract.train(optim.Adam(params := contract.parameters()), params, 1)


SMALL = [layout for layout in contract.LAYOUTS if "chunk" not in layout and "long" not in layout]


def calls(test, *arguments):
    return [partial(test, *each) for each in arguments]


def quiet(check):
    """Without a warning of PyTorch's own Adagrad, which is no fault of a mutant."""

    def checked():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse invariant checks")
            check()

    return checked


def sparse_gradients_are_not_compiled():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_compiled_engine", lambda: traced)
        bounds.test_a_sparse_gradient_is_not_compiled(patch)


def the_compiled_engine_is_told_what_to_take():
    """It steps some, and says which are left and for whom."""
    taken, run = [], []

    def take(*given):
        taken.append(given)
        return given[-1][1:], lambda rule, tensors, t, **_: run.extend(p for p, _ in tensors)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_compiled_engine", lambda: SimpleNamespace(take=take))
        optimizer = optim.Adam(params := contract.parameters(), compile=True)
        contract.train(optimizer, params, 1)
    ((*objects, some),) = taken
    expected = optimizer, optimizer.param_groups[0], optim.Adam.rule
    assert all(a is b for a, b in zip(objects, expected, strict=True))
    assert list(map(id, some)) == list(map(id, params))
    assert list(map(id, run)) == list(map(id, params[1:]))


def patched(test):
    """A test that takes `monkeypatch`."""

    def check():
        with pytest.MonkeyPatch.context() as patch:
            test(patch)

    return check


def plans_are_asked_and_the_rest_is_stepped():
    """What the compiled engine has stepped is not stepped again, and in the order of groups."""
    optimizer = optim.Adam([{"params": [p]} for p in contract.parameters()])
    first, *others = optimizer.param_groups
    optimizer._books = SimpleNamespace(
        repeat=lambda given: others if given is optimizer else [], plans={}, seen={}
    )
    for group in optimizer.param_groups:
        group["params"][0].grad = torch.ones_like(group["params"][0])
    optimizer.step()
    assert [len(optimizer.state[g["params"][0]]) > 0 for g in (first, *others)] == [
        False,
        *[True for _ in others],
    ]


CHECKS = [
    *calls(
        contract.test_every_class_against_its_oracle,
        ("NAdam", "penalty", True),
        ("SGDW", "decoupled", False),
        ("Yogi", "decoupled", True),
        ("AddSign", "none", False),
    ),
    *calls(contract.test_sgd_is_three_rules, ({},), ({"momentum": 0.9},)),
    *calls(contract.test_sgd_chooses_its_rule_anew_in_each_step, ()),
    *calls(contract.test_groups_have_settings_of_their_own_and_may_come_late, ("NAdam",)),
    *calls(contract.test_each_parameter_counts_its_own_steps, ("SGD",), ("AMSGrad",)),
    *calls(contract.test_the_signature_is_what_is_accepted, ("SGDW",), ("Adagrad",)),
    *calls(contract.test_only_params_and_the_rate_have_a_position, ("SGD",)),
    *calls(contract.test_an_unknown_argument_is_refused_by_name, ("SGD",), ("Yogi",)),
    *calls(contract.test_the_defaults_are_torchs, ("RMSprop",), ("AMSGrad",)),
    *calls(contract.test_what_has_one_legal_value_is_refused_by_name, *contract.REFUSED),
    *calls(
        contract.test_what_has_one_legal_value_is_refused_by_name,
        *[("Adam", key, True, "use compile=True") for key in contract.ENGINES],
    ),
    *calls(
        contract.test_none_and_false_are_legal_where_the_legal_value_is_nothing,
        *[(name, value) for name in ("SGD", "Adagrad", "Adam") for value in (None, False)],
    ),
    *calls(contract.test_live_groups_hold_what_steps_read_and_nothing_else, ("SGDW",), ("Adam",)),
    *calls(contract.test_the_state_dict_has_torchs_keys, ("NAdam",)),
    *calls(contract.test_a_state_with_such_a_value_is_refused, *contract.REFUSED),
    *calls(contract.test_how_torch_ran_its_optimizer_does_not_matter, ("Adam",)),
    *calls(contract.test_bad_values_are_refused_as_torch_does, *contract.BAD),
    *calls(contract.test_a_refused_load_changes_nothing, *contract.BAD[:1], *contract.BAD[-1:]),
    *calls(contract.test_a_rate_that_was_forgotten_is_not_the_default, ("Adam",)),
    *calls(contract.test_other_keys_of_a_group_are_the_users_own, ("SGD",), ("PowerSign",)),
    *calls(contract.test_zero_is_in_range, ("NAdam",)),
    *calls(contract.test_an_argument_may_be_legal_for_a_group_only_with_another_of_the_class, ()),
    *calls(contract.test_no_decay_leaves_infinite_parameters_alone, ("Adam", False), ("SGD", True)),
    *calls(contract.test_a_parameter_belongs_to_one_group, ()),
    *calls(contract.test_a_sparse_gradient_is_refused_before_anything_is_counted, ("Adam",)),
    *calls(contract.test_a_step_that_fails_does_not_count, ()),
    *calls(contract.test_what_was_stepped_before_a_failure_has_counted, ()),
    *calls(contract.test_a_state_of_another_shape_is_refused, ("NAdam",)),
    *calls(contract.test_a_state_takes_the_dtype_of_its_parameter, ()),
    *calls(contract.test_closures, ("Adam",)),
    *calls(contract.test_zero_grad_and_repr, ("Adam",)),
    *calls(contract.test_hooks_around_a_step, ()),
    *calls(contract.test_each_hook_sees_a_step_once, (False,)),
    *calls(contract.test_a_step_of_ones_own_is_watched_once, (False,)),
    *calls(contract.test_a_closure_under_a_hook_is_called_once_with_gradients, ()),
    *calls(contract.test_hooks_around_a_state_dict_see_and_may_replace_it, (optim.Adam,)),
    *calls(contract.test_hooks_before_a_load_may_replace_the_state, (optim.Adam,)),
    *calls(contract.test_hooks_before_a_load_may_unwrap_the_state, (optim.Adam,)),
    *calls(contract.test_hooks_after_a_load_have_the_last_word, (optim.Adam,)),
    *calls(contract.test_saving_and_loading_leave_no_hooks_behind, ()),
    *calls(contract.test_hooks_after_a_load_see_what_steps_will_use, ()),
    *calls(
        contract.test_a_copy_goes_on_alike_and_alone,
        *[("NAdam", how) for how in ("pickle", "file", "memory")],
        ("PowerSign", "memory"),
    ),
    *calls(contract.test_a_loaded_state_and_its_dictionary_are_apart, ("NAdam",), ("SGD",)),
    *calls(
        contract.test_checkpoints_go_both_ways_in_the_middle_of_a_run,
        ("NAdam", "file"),
        ("SGD", ""),
    ),
    *calls(contract.test_a_checkpoint_of_parameters_that_never_had_a_gradient, ("Adagrad",)),
    *calls(contract.test_torch_writes_none_for_a_momentum_that_has_not_begun, ()),
    *calls(contract.test_what_an_older_checkpoint_does_not_have_is_filled_in, ()),
    *calls(contract.test_counters_and_products_are_not_cast_to_half_precision, ()),
    *calls(contract.test_copies_stay_compiled, ("pickle",), ("memory",)),
    *calls(contract.test_a_decay_of_the_sign_rules_is_no_part_of_the_state, ("AddSign",)),
    *calls(contract.test_a_decay_may_return_any_number, ("PowerSign", np.float32)),
    *calls(contract.test_schedulers_drive_them_as_they_drive_torchs, ("Adam", "one cycle")),
    *calls(contract.test_the_rate_may_be_a_tensor_and_is_read_in_each_step, ("Adam",)),
    *calls(contract.test_settings_may_be_numpy_numbers_and_tensors, ("NAdam",)),
    *calls(contract.test_switches_may_be_of_any_kind, ("yes", None), (np.True_, np.False_)),
    *calls(
        contract.test_a_step_computes_with_pythons_numbers,
        *[(kind,) for kind in (np.float64, np.array, torch.tensor)],
    ),
    *calls(contract.test_numbers_are_on_the_cpu_whatever_the_default_device, ()),
    *calls(contract.test_settings_may_be_of_single_precision_and_pairs_lists, (np.float32,)),
    *calls(
        contract.test_every_layout,
        *[("NAdam", layout, float64) for layout in SMALL],
    ),
    *calls(contract.test_gradients_are_left_alone, ("NAdam", float32), ("NAdam", bfloat16)),
    *calls(contract.test_complex_parameters, ("NAdam", torch.complex128)),
    *calls(contract.test_a_gradient_with_its_sign_still_to_be_changed, ()),
    *calls(
        contract.test_a_parameter_that_cannot_be_moved_is_refused,
        ("NAdam", "expanded"),
        ("Adam", "conjugate"),
    ),
    *calls(contract.test_a_parameter_with_its_sign_still_to_be_changed, ("NAdam",)),
    *calls(contract.test_an_inference_tensor_moves_like_any_other, ("Adam",)),
    *calls(
        contract.test_half_precision_is_computed_in_float32_and_rounded_once,
        *[(name, bfloat16) for name in ("NAdam", "AdamW", "PowerSign")],
    ),
    *calls(contract.test_the_default_dtype_does_not_limit_the_count, (float64,)),
    *calls(contract.test_a_gradient_of_another_dtype, ()),
    *calls(contract.test_autograd_knows_of_the_change, ("Adam", "plain"), ("Adam", "half")),
    *calls(
        contract.test_a_rule_that_mixes_elements_sees_the_whole_tensor,
        (contract.Whole, "permuted"),
        (contract.Whole, "0-d"),
        (contract.LaterWhole, "channels last"),
        (contract.LaterWhole, "longer than a chunk"),
    ),
    *calls(contract.test_a_rule_of_ones_own_is_an_optimizer_in_two_lines, ()),
    *calls(contract.test_a_rule_of_ones_own_has_state_settings_and_checkpoints, ()),
    *calls(contract.test_a_state_may_be_one_number_and_stays_exact, (float64,), (bfloat16,)),
    *calls(contract.test_signatures_of_subclasses, ()),
    *calls(own.test_it_makes_the_steps_of_descend, *[(made,) for made in own.CLASSES]),
    *calls(own.test_it_is_saved_and_goes_on, (own.Factored, "file"), (own.Counted, "file")),
    *calls(own.test_other_dtypes_are_near, (own.Factored, bfloat16), (own.Anchored, float32)),
    *calls(own.test_states_have_the_shape_of_their_start, ()),
    *calls(own.test_a_start_may_be_a_number_for_each_parameter, ()),
    *calls(own.test_a_state_that_changes_its_shape_is_refused_by_name, ()),
    *calls(own.test_the_rate_and_the_decay_have_ranges_whatever_the_rule, ()),
    *calls(own.test_a_complex_parameter_is_seen_as_real_numbers, ()),
    *calls(
        own.test_a_state_of_a_parameter_that_changed_its_shape_is_refused,
        *[(own.Anchored, "start"), (own.TrustRatio, "m"), (own.Averaged, "m")],
    ),
    *calls(own.test_a_state_of_its_own_shape_takes_the_dtype_of_the_parameter, ()),
    *calls(
        bounds.test_a_state_without_one_of_the_slots_is_refused,
        *[(name, instead) for name in ("SGD", "NAdam") for instead in ("nothing", None, {})],
    ),
    *calls(bounds.test_a_state_of_another_class_is_taken_where_it_has_every_slot, ("Adam", "SGD")),
    *calls(bounds.test_a_state_of_sgd_is_refused_by_adam, (optim.SGD,)),
    *calls(bounds.test_a_parameter_without_a_state_is_welcome, ("NAdam",)),
    *calls(bounds.test_gradient_descent_needs_no_state_and_takes_any, ()),
    *calls(bounds.test_a_slot_that_was_lost_on_the_way_does_not_begin_anew, ("NAdam",)),
    *calls(
        bounds.test_settings_become_numbers_and_tuples_of_pythons,
        ("AMSGrad", "long double", "list"),
        ("SGD", "array of one", "list"),
        ("Yogi", "a float's child", "indexed"),
    ),
    *calls(
        bounds.test_so_do_settings_that_are_written_later,
        ("AMSGrad", "0-d array", "configuration"),
        ("SGD", "float64", "list"),
        ("Adam", "float64", "list of a float's children"),
    ),
    *calls(bounds.test_tensors_stay_what_they_are, ()),
    *calls(bounds.test_switches_become_true_or_false, (int,)),
    *calls(bounds.test_a_tuple_of_one_may_be_a_number, ()),
    *calls(
        bounds.test_what_is_no_pair_is_refused,
        (bounds.Configuration([0.9]),),
        (bounds.TWO_IN_ONE,),
        ("ab",),
        ({0: 0.9, 1: 0.9},),
    ),
    *calls(bounds.test_an_entry_of_a_configuration_is_checked_too, ()),
    *calls(bounds.test_a_function_has_a_stand_in_and_stays, ("AddSign",)),
    *calls(bounds.test_a_distributed_state_is_taken_and_given, ("PowerSign", True)),
    # Not after steps: what is shared frees the memory it had, and a mutant that goes on writing
    # there ends the process now and then.
    *calls(bounds.test_the_sums_of_adagrad_may_be_shared, (0,)),
    *[
        quiet(partial(bounds.test_sparse_gradients_as_torch_takes_them, *row, kind))
        for row in bounds.SPARSE[:3]
        for kind in ("a row twice", "no row")
    ],
    *calls(
        bounds.test_sparse_gradients_of_any_dtype_and_layout,
        (*bounds.SPARSE[2], bfloat16),
        (*bounds.SPARSE[1], torch.complex64),
    ),
    sparse_gradients_are_not_compiled,
    plans_are_asked_and_the_rest_is_stepped,
    the_compiled_engine_is_told_what_to_take,
    *calls(bounds.test_a_rule_of_ones_own_takes_them_if_it_declares_that_it_rests, ()),
    *calls(
        bounds.test_elsewhere_they_are_refused_with_what_to_use_instead,
        *[row for row in bounds.REFUSED if row[0] in ("SGD", "SGDW", "Adagrad", "AdamW", "NAdam")],
    ),
    *calls(bounds.test_advice_works, ()),
    *calls(kept.test_a_plan_goes_on, *[("NAdam", event, float32) for event in kept.GOES_ON]),
    *calls(
        kept.test_a_plan_does_not_go_on,
        *[("NAdam", event, float32) for event in (*kept.DOES_NOT, *kept.STATES_DO_NOT)],
        ("SGD", kept.it_is_another_rule, float64),
        ("SGD", kept.a_gradient_is_another_parameter, float64),
    ),
    *calls(
        kept.test_a_rule_that_mixes_elements_has_a_plan_and_sees_whole_tensors,
        (contract.LaterWhole, float32),
        (kept.Shaped, float32),
    ),
    *calls(kept.test_a_function_of_t_is_asked_in_each_step, (lambda t: 1 / t,)),
    *calls(kept.test_what_cannot_move_in_numpy_has_no_plan, ()),
    *calls(kept.test_what_is_odd_only_with_its_states_has_no_plan_either, ()),
    *calls(kept.test_a_group_without_gradients_needs_no_plan, ()),
    *calls(kept.test_an_odd_group_leaves_the_others_their_plans, ()),
    *calls(kept.test_no_plan_is_made_where_memory_is_another_in_each_step, ()),
    *calls(kept.test_short_tensors_are_stepped_by_few_calls, ()),
    *calls(kept.test_what_was_stepped_before_a_failure_has_counted, ()),
    *calls(kept.test_one_number_is_pythons_whatever_the_size, ()),
    *calls(kept.test_overflow_is_no_news, ()),
    *calls(kept.test_memory_that_was_left_is_not_kept_longer_than_a_step, ()),
    *calls(kept.test_a_gradient_that_reaches_into_a_parameter_is_seen, (0,), (1,), (5,), (6,)),
    *calls(bounds.test_a_group_that_was_given_stays_as_it_is, ()),
    *calls(
        bounds.test_a_setting_that_has_one_legal_value_is_refused_in_a_live_group_too,
        *[
            ("SGD", "dampening", 0.1, "scale lr", False, went_before)
            for went_before in (False, True)
        ],
    ),
    patched(bounds.test_a_step_is_left_out_of_graphs),
    patched(kept.test_a_parameter_alone_may_be_its_own_gradient),
    patched(kept.test_settings_that_stay_are_read_once),
    patched(kept.test_who_asks_for_the_compiled_engine_later_gets_it),
    what_is_not_elementwise_is_named,
    the_engine_is_the_one_asked_for,
    numpy_is_used_where_it_can_be,
    *calls(contract.test_profilers_see_a_step, (False,)),  # takes longest
]


@pytest.fixture(autouse=True)
def _ready(monkeypatch):
    """Small tensors are stepped in parts, and nothing is compiled, which would take minutes."""

    def compiled_engine():
        raise Compiled

    monkeypatch.setattr(eager, "CHUNK", 8)
    monkeypatch.setattr(base, "_compiled_engine", compiled_engine)
    yield
    monkeypatch.undo()
    forget()


def forget():
    """Drop what is kept of a class or rule from before a change of it."""
    for module in MODULES:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
    for made in contract.CLASSES.values():
        if "step" in vars(made):
            del made.step  # torch wraps it when the first optimizer is made


def failing(checks):
    """The first check that fails; it moves to the front, as it may well catch the next mutant."""
    for i, check in enumerate(checks):
        forget()
        try:
            check()
        except (Exception, pytest.fail.Exception):  # a mutant may fail in any way
            checks.insert(0, checks.pop(i))
            return check
    return None


# Mutants.

# Held by the tests of compile=True, which take seconds each.
COMPILED = {"_compiled_engine", "_untraced"}


def functions():
    """Every function of `adamtut.optim` but those of compilers: name → (owner, function)."""
    found = {}
    for owner in (*MODULES, *PARTS, optim.RuleOptimizer, *contract.CLASSES.values()):
        for name, value in vars(owner).items():
            plain = inspect.unwrap(getattr(value, "__func__", value))
            qualified = name if owner in MODULES else f"{owner.__name__}.{name}"
            ours = inspect.isfunction(plain) and plain.__module__ in NAMES
            if ours and plain.__qualname__ == qualified and name not in COMPILED:
                found[qualified] = owner, value
    return found


def change(patch, owner, function, changed):
    """Put `changed` in the place of a function, in every module that has it by name."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    name = plain.__name__
    if hasattr(plain, "hooked"):
        changed.hooked = plain.hooked  # or PyTorch would wrap it, and do what it no longer does
    for holder in MODULES if owner in MODULES else (owner,):
        if name in vars(holder):
            patch.setattr(holder, name, changed)


FUNCTIONS = functions()

# Function → why a change is no fault → the changes.
EQUIVALENT = {
    "RuleOptimizer._refuse_fixed": {
        "the others of the group have been checked": ["self._check(other) | other → group"],
    },
    "as_python": {
        "a shortcut for the last line": [
            "if type(value) is float:  # nearly always | if type(value) is float: → removed",
            "if type(value) is float:  # nearly always | if type(value) is float: → always False",
            "return value | return value → removed",
        ],
    },
    "settled": {
        "what is no number leaves an array as it came": [
            'if isinstance(value, Real) or hasattr(value, "__ar | if isinstance(value, Real) or '
            " → always True",
        ],
    },
    "settle": {
        "a shortcut for what is settled": [
            "if key in group and not type(group[key]) is type(d | "
            "key in group and (not type(gro → part 0 alone",
            "if key in group and not type(group[key]) is type(d | default → group",
            "if key in group and not type(group[key]) is type(d | default → key",
            "if key in group and not type(group[key]) is type(d | default → settings",
        ],
    },
    "update": {
        "what was widened is a copy, and nobody's memory": [
            "new_state = _storable(about, wide_state, new_state | wide_state → state",
        ],
    },
    "_storable": {
        "a copy more": [
            "apart.append(1 * new if id(new) in olds else new) | 1 * new if id(new) in olds els"
            " → always True",
            "apart.append(1 * new if id(new) in olds else new) | new → old",
            "apart, olds = [], set(map(id, old_state)) | old_state → new_state",
        ],
    },
    "_can_be_compiled": {
        "whose line the warning names": [
            "stacklevel=2, | 2 → 3",
            "stacklevel=2, | 2 → -2",
        ],
    },
    "_as_numpy": {
        "both have one size": [
            "if not x.flags.c_contiguous or (x.size > CHUNK and | x → g",
        ],
        "an inference tensor moves with NumPy too": [
            "if p.is_neg() or p.is_inference():  # the first ha | p.is_neg() or p.is_inference()"
            " → part 0 alone",
        ],
    },
    "_flattened": {
        "all have one order, or none is flattened": [
            'order = np.argsort(arrays[0].strides, kind="stable | 0 → 1',
        ],
        "any negative number is what there is": [
            "return [a if n else a.reshape(-1) for a, n in zip( | 1 → 2",
        ],
    },
    "step_arrays": {
        "both have one size": [
            "for i in range(0, x.size, CHUNK): | x → g",
            "if x.ndim != 1 or x.size <= CHUNK or not about.ele | x → g",
        ],
        "one part is the whole": [
            "if x.ndim != 1 or x.size <= CHUNK or not about.ele | x.size <= CHUNK → Lt",
        ],
        "a shortcut for states that are all arrays": [
            "if about.scalars: | if about.scalars: → always True",
            "before = [a.item() if n else a for a, n in zip(sta | state → before",
        ],
    },
    "_step_tensors": {
        "a number as a tensor has the same value": [
            "old = [a.item() if number else a for a, number in  | a.item() if number else a"
            " → always False",
            "(changed,) = update(rule, [(x, g, old)], t, **numb | old → state",
        ],
        "views of the same numbers": [
            "holders = [slot for slot, number in zip(slots, sin | slots → state",
        ],
    },
    "keep": {
        "any order": [
            "written = plan.spans([a for p, states, counters in | (p, *states, *counters)"
            " → rotated",
        ],
        "states are there by now, and none is started": [
            f"entries = [(p, *plan.tensors_of(optimizer, p, grou | group → {other}"
            for other in ("books", "key", "optimizer", "p", "params", "rule", "seen")
        ],
    },
    "Plan.__init__": {
        "the last of two": [
            "rows = [(p, *optimizer._entry(p, self.group, rule) | 1 → -1",
        ],
    },
    "Places.take": {
        "it looks again at where gradients have stayed": [
            "return super().take(places) | places → self",
        ],
    },
    "Places._are_apart": {
        "a list of the same": [
            'behind = np.searchsorted(self.ends, starts, side=" | starts → places',
            "return not (self.starts[behind[some]] < (starts +  | starts → places",
        ],
    },
    "Bundle.__init__": {
        "both join, one of them faster": [
            "self.join = torch.cat if lines else torch._utils._ | torch.cat if lines else torch."
            " → always False",
            "self.join = torch.cat if lines else torch._utils._ | lines → in_parts",
            *[
                f"lines = all(p.ndim == 1 for p in params) | {change}"
                for change in ("p.ndim == 1 → NotEq", "1 → 2", "1 → -1")
            ],
        ],
        "one part is the whole": [
            "in_parts = params[0].numel() > eager.CHUNK and des | params[0].numel() > eager.CHUN"
            " → GtE",
        ],
        "of one length": ["flat = len(rows) > 1 or in_parts | rows → params"],
        "any negative number is what there is": [
            "[a.reshape(-1) if flat and a.ndim else a for a in  | 1 → 2",
        ],
    },
    "Bundle.next_step": {
        "the rules of SGD do not use t": [
            "return int(self.steps[0].item()) + 1 if self.steps | 1 → 2",
            "return int(self.steps[0].item()) + 1 if self.steps | 1 → -1",
        ],
    },
    "Bundle.step": {
        "all of a column are alike": [
            "x, *state = [np.concatenate(c) if c[0].ndim else c | 0 → 1",
            "array[...] = joined[part] if joined.ndim else join | joined → array",
        ],
    },
    "_bundled": {
        "any order": [
            "key = (p.dtype, *[a.item() for a in counters]) if  | (p.dtype, *[a.item() for a in "
            " → rotated",
        ],
    },
    "_allocate": {
        "both are the same number there": [
            "real(state).fill_(value) | value → start",
        ],
    },
    "RuleOptimizer.__init__": {
        "defaults are legal": [
            "self._check(known | settings) | known | settings → the right alone",
            "self._check(known | settings) | known → settings",
        ],
        "both are joined in the next lines": [
            'settings["lr"] = lr | settings → known',
        ],
    },
    "RuleOptimizer._is_watched": {
        "the wrapper does the same, and takes longer": [
            "return type(self).step is RuleOptimizer.step and b | type(self).step is RuleOptimiz"
            " → part 0 alone",
        ],
    },
    "RuleOptimizer._step": {
        "nothing is done to no groups": [
            "if groups: | groups → self",
            "if groups: | if groups: → always True",
        ],
    },
    "RuleOptimizer._entry": {
        "the rules of SGD do not use t": [
            "t = next_step(state) if self.counts_steps else 1 | 1 → 2",
            "t = next_step(state) if self.counts_steps else 1 | 1 → -1",
        ],
    },
    "RuleOptimizer._settings_at": {
        "both are empty": [
            "hyper, functions = {}, {} | ({}, {}) → rotated",
        ],
        "a setting is a function where its default is": [
            "if callable(value): | value → default",
        ],
    },
    "RuleOptimizer._functions": {
        "a group has every setting": [
            "k: group[k] for k, value in cls._settings().items( | callable(value) and k in group"
            " → part 0 alone",
            "k: group[k] for k, value in cls._settings().items( | group → k",
        ],
    },
    "RuleOptimizer.state_dict": {
        "a hook is given its own optimizer": [
            "settle(group, self._settings()) | self → optimizer",
            "group.update(dict.fromkeys(self._functions(group)) | self → optimizer",
            "group.update({key: legal for key, (legal, _) in se | self → optimizer",
        ],
    },
    "RuleOptimizer._check_state": {
        "any number says that there is no None": [
            "not_begun = not self.counts_steps and state.get(ke | 0 → 1",
        ],
    },
    "RuleOptimizer.load_state_dict": {
        "a hook is given its own optimizer": [
            "for group, kept in zip(self.param_groups, function | self → optimizer",
            "functions = {k for k in self._functions(group) if  | self → optimizer",
            "self._check({key: v for key, v in group.items() if | self → optimizer",
            'self._check_state(state_dict["state"].get(i, {}),  | self → optimizer',
            "self._own(loaded) | self → optimizer",
        ],
    },
}


def test_the_checks_pass(monkeypatch):
    """Also for functions made the way mutants are, but not changed."""
    assert failing(CHECKS) is None
    for owner, function in FUNCTIONS.values():
        change(monkeypatch, owner, function, unchanged(function))
    assert failing(CHECKS) is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_mutant_is_killed(name, monkeypatch):
    """What the table calls no fault is not tried: it would take all checks, and no answer helps."""
    owner, function = FUNCTIONS[name]
    equivalent = {change for changes in EQUIVALENT.get(name, {}).values() for change in changes}
    found, survivors = set(), []
    for description, mutant in mutants(function):
        found.add(description)
        if description in equivalent:
            continue
        with monkeypatch.context() as patch:
            change(patch, owner, function, mutant)
            if failing(CHECKS) is None:
                survivors.append(description)
    assert survivors == [] and equivalent <= found


# Mutants of what classes are made of: tables without an entry, or with two swapped.


def checks_of(name):
    """What holds the data of a class."""
    checks = [
        *calls(contract.test_every_class_against_its_oracle, (name, "none", False)),
        *calls(contract.test_the_signature_is_what_is_accepted, (name,)),
        *calls(contract.test_decay_is_decoupled_where_the_class_is_known_for_it, (name,)),
        *calls(contract.test_a_copy_goes_on_alike_and_alone, (name, "file")),
    ]
    for made, settings in own.WIDER:
        if made.__name__ == name:
            checks += calls(own.test_ranges_are_pytorchs_where_those_are_wider, (made, settings))
    for row in contract.BAD:
        if row[:2] == (name, "initial_accumulator_value"):
            checks += calls(contract.test_bad_values_are_refused_as_torch_does, row)
    for row in contract.REFUSED:
        if row[0] == name:
            checks += calls(contract.test_what_has_one_legal_value_is_refused_by_name, row)
    if name in contract.TORCH:
        checks += calls(contract.test_the_defaults_are_torchs, (name,))
        checks += calls(contract.test_the_state_dict_has_torchs_keys, (name,))
        checks += calls(
            contract.test_checkpoints_go_both_ways_in_the_middle_of_a_run, (name, "file")
        )
    else:
        checks += calls(contract.test_the_defaults_where_torch_has_none, (name,))
        checks += calls(contract.test_the_keys_of_the_state_where_torch_has_none, (name,))
    return checks


def tables(made):
    """(description, attribute, changed value) for each entry of each table of a class."""
    yield "counts_steps", "counts_steps", not made.counts_steps
    for attribute in ("numbers", "arguments", "slots", "starts", "ranges", "fixed"):
        table = getattr(made, attribute)
        for key in table:
            rest = {other: value for other, value in table.items() if other != key}
            yield f"{attribute} without {key}", attribute, rest
        keys = list(table)
        for first, second in itertools.pairwise(keys):
            swapped = table | {first: table[second], second: table[first]}
            if swapped != table:
                yield f"{attribute}: {first} and {second} swapped", attribute, swapped


@pytest.mark.parametrize("name", [*contract.TORCH, *contract.OURS])
def test_every_mutant_of_a_class_is_killed(name, monkeypatch):
    made, checks = contract.CLASSES[name], checks_of(name)
    assert failing(checks) is None
    for description, attribute, value in tables(made):
        with monkeypatch.context() as patch:
            patch.setattr(made, attribute, value)
            with contextlib.suppress(Exception):
                patch.setattr(made, "__signature__", made._signature())
            assert failing(checks) is not None, description


# Faults that people make.


def late_parameters_count_with_their_group(patch):
    def step_group(self, group):
        steps = [self.state.get(p, {}).get("step", torch.tensor(0.0)) for p in group["params"]]
        for p in group["params"]:
            if p.grad is not None and self.counts_steps:
                self.state[p].setdefault("step", max(steps).clone())
        original(self, group)

    original = optim.RuleOptimizer._step_group
    patch.setattr(optim.RuleOptimizer, "_step_group", step_group)


def a_step_that_fails_counts(patch):
    def next_step(state):
        t = original(state)
        state["step"].fill_(t)
        return t

    original = base.next_step
    patch.setattr(base, "next_step", next_step)


def rules_that_mix_elements_run_in_parts(patch):
    def describe(rule):
        return dataclasses.replace(original(rule), elementwise=True)

    original = eager.describe
    patch.setattr(eager, "describe", describe)


def decay_is_applied_twice(patch):
    def take_step(about, x, g, state, t, *, lr, weight_decay, **numbers):
        if weight_decay is not None:
            x = x * (1 - lr * weight_decay)
        return original(about, x, g, state, t, lr=lr, weight_decay=weight_decay, **numbers)

    original = eager.take_step
    patch.setattr(eager, "take_step", take_step)


def decay_is_both_kinds(patch):
    def settings_at(self, t, group, rule):
        found = original(self, t, group, rule)
        return found | {"l2": found["l2"] or found["weight_decay"]}

    original = optim.RuleOptimizer._settings_at
    patch.setattr(optim.RuleOptimizer, "_settings_at", settings_at)


def decay_reaches_the_state_with_the_old_place(patch):
    def take_step(about, x, g, state, t, *, lr, weight_decay, **numbers):
        new_x, state = original(about, x, g, state, t, lr=lr, **numbers)
        return (new_x if weight_decay is None else new_x * (1 - lr * weight_decay)), state

    original = eager.take_step
    patch.setattr(eager, "take_step", take_step)


def a_loaded_state_is_shared(patch):
    patch.setattr(optim.RuleOptimizer, "_own", lambda self, state_dict: None)


def names_of_the_moments_are_swapped(patch):
    patch.setattr(optim.NAdam, "slots", optim.NAdam.slots | {"m": "exp_avg_sq", "v": "exp_avg"})


def the_rate_is_read_once(patch):
    def settings_at(self, t, group, rule):
        found = original(self, t, group, rule)
        return found | {"lr": float(self.defaults["lr"])}

    original = optim.RuleOptimizer._settings_at
    patch.setattr(optim.RuleOptimizer, "_settings_at", settings_at)


def maximize_is_ignored(patch):
    def take_step(*arguments, maximize, **numbers):
        return original(*arguments, **numbers)

    original = eager.take_step
    patch.setattr(eager, "take_step", take_step)


def the_gradient_is_modified(patch):
    def take_step(about, x, g, state, t, *, l2, **numbers):
        if l2 is not None:
            g += l2 * x
        return original(about, x, g, state, t, **numbers)

    original = eager.take_step
    patch.setattr(eager, "take_step", take_step)


def a_step_without_gradients_counts(patch):
    def step_group(self, group):
        for p in group["params"]:
            if p.grad is None and "step" in self.state[p]:
                self.state[p]["step"] += 1
        original(self, group)

    original = optim.RuleOptimizer._step_group
    patch.setattr(optim.RuleOptimizer, "_step_group", step_group)


def half_precision_is_computed_in_half(patch):
    patch.setattr(eager, "widened", lambda array: array)


def autograd_is_not_told(patch):
    patch.setattr(torch.autograd.graph, "increment_version", lambda tensor: None)


FAULTS = [
    late_parameters_count_with_their_group,
    a_step_that_fails_counts,
    rules_that_mix_elements_run_in_parts,
    decay_is_applied_twice,
    decay_is_both_kinds,
    decay_reaches_the_state_with_the_old_place,
    a_loaded_state_is_shared,
    names_of_the_moments_are_swapped,
    the_rate_is_read_once,
    maximize_is_ignored,
    the_gradient_is_modified,
    a_step_without_gradients_counts,
    half_precision_is_computed_in_half,
    autograd_is_not_told,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_people_make_are_killed(fault, monkeypatch):
    fault(monkeypatch)
    assert failing(CHECKS) is not None
