"""The words that people use find the section that answers them, among the first results."""

from contextlib import contextmanager

import pytest
from test_search_browser import SCRIPT, search

pytestmark = pytest.mark.browser

FIRST = 3
# What someone types → a part of the address that must be among the first results.
WORDS = {
    "warmup": "questions.html",
    "warm-up": "glossary.html#term-warm-up",
    "tensorflow": "questions.html",
    "keras": "questions.html",
    "embedding": "questions.html",
    "transformer": "questions.html",
    "reset": "questions.html",
    "reset optimizer": "questions.html#new-data",
    "exp_avg_sq": "glossary.html#term-exp_avg_sq",
    "load_state_dict": "glossary.html#term-load_state_dict",
    "bfloat16": "questions.html",
    "loss explodes": "questions.html#the-loss-explodes",
    "loss spikes": "questions.html#the-loss-spikes",
    "resuming checkpoint": "questions.html#the-loss-rises-or-jumps",
    "loss after loading checkpoint": "questions.html#the-loss-rises-or-jumps",
    "nan float16": "questions.html#nan-in-half-precision",
    "fp16 nan": "questions.html#nan-in-half-precision",
    "first update too large": "questions.html#the-very-first-step",
    "beta2 0.95 transformers": "questions.html#which",
    "adam generalize sgd": "questions.html#does-adam-generalize",
    "pytorch tensorflow different results": "questions.html#two-libraries",
    "out of memory": "questions.html#out-of-memory",
    "what is wrong with my adam": "questions.html#what-is-wrong-with-my-adam",
    "weight decay exclude bias layer norm": "questions.html#which-weight-decay",
    "nan float32": "questions.html#nan-in-float32",
    "which epsilon": "questions.html#which-value-of-epsilon",
    "what is epsilon for": "questions.html#what-is-epsilon-for",
    "why divide by 1 beta": "questions.html#why-divide-by-1",
    "noam": "questions.html",
    "beta1 0.5": "questions.html#which",
    "learning-rate decay": "questions.html#adam-adapts",
    "why square the gradient": "questions.html#why-square-the-gradient",
    "saddle point": "questions.html#can-gradient-descent-end",
    "defaults": "conventions.html",
    "errata": "errata.html",
    "bert": "questions.html",
    "stuck": "questions.html#the-loss-stands-still-from",
    "loss not decreasing": "questions.html#the-loss-stands-still-from",
    "loss doesn't decrease": "questions.html#the-loss-stands-still-from",
    "loss not going down": "questions.html#the-loss-stands-still-from",
    "network not learning": "questions.html#the-loss-stands-still-from",
    "does not learn": "questions.html#the-loss-stands-still-from",
    "loss stays at 2.303": "questions.html#the-loss-stands-still-from",
    "chance level": "questions.html#the-loss-stands-still-from",
    "weights change zero gradient": "questions.html#a-weight-without-a-gradient",
    "masked weights move": "questions.html#a-weight-without-a-gradient",
    "frozen weights change": "questions.html#a-weight-without-a-gradient",
    "divide by zero adam": "questions.html#steps-are-not-counted",
    "ZeroDivisionError": "questions.html#steps-are-not-counted",
    "adam spikes eps": "questions.html#the-loss-spikes",
    "adagrad stops learning": "questions.html#the-loss-falls-ever-more-slowly",
    "adagrad slow": "questions.html#the-loss-falls-ever-more-slowly",
    "adam first step size": "questions.html#the-first-step-is-exactly",
    "frozen layer still changes adam": "questions.html#a-weight-without-a-gradient",
    "adam from scratch slow": "questions.html#my-own-adam-is-slower",
    "beta2 0.95 vs 0.999": "questions.html#which",
    "sgd to adam learning rate": "questions.html#from-sgd-to-adam",
    "keras decay pytorch weight_decay": "questions.html#from-keras-s-decay",
    "adam need lr decay": "questions.html#adam-adapts",
    "forgot zero_grad": "questions.html#i-forgot-zero-grad",
    "gradient clipping adam": "questions.html#does-gradient-clipping",
    "momentum 0.9 or 0.99": "questions.html#which-momentum",
    "momentum 0.99 loss explodes": "questions.html#the-loss-explodes-or-gets",
    "switch adam to sgd learning rate": "questions.html#from-adam-to-sgd",
    "adam epsilon value": "questions.html#which-value-of-epsilon",
    "warm restarts loss jumps": "questions.html#the-loss-jumps-at-every",
    "beta1 0.5 GAN adam": "questions.html#which",
    "adam without bias correction": "questions.html#without-bias",
    "bf16 weights not updating": "questions.html#weights-stand-still",
    "loss jumps after resume": "questions.html#the-loss-rises-or-jumps",
    "training loss rises cosine": "questions.html#the-training-loss-rises",
    "CosineAnnealingLR T_max loss goes up again": "questions.html#the-training-loss-rises",
    "amsgrad loss stuck": "questions.html#the-loss-stands-still-since",
    "amsgrad stuck": "questions.html#the-loss-stands-still-since",
    "adam nan fp16 zero gradient": "questions.html#nan-in-half-precision",
    "my adam stops moving": "questions.html#it-stops-moving",
    "warmup steps short training": "questions.html#how-many-warm-up-steps",
    "how many warmup steps beta2 0.999": "questions.html#how-many-warm-up-steps",
    "adamw wieght decay overfitting": "questions.html#from-adam-to-adamw",
    "rmsprop keras pytorch different": "questions.html#rmsprop-jumps",
    "adam loss scale invariant": "questions.html#does-adam-not-care",
    "adam loss mean vs sum": "questions.html#does-adam-not-care",
    "loss jumps after resuming checkpoint": "questions.html#the-loss-rises-or-jumps",
    "resuming training adam": "questions.html#the-loss-rises-or-jumps",
    "adam loss suddenly increases late training": "questions.html#the-loss-rises-late",
    "reinforcement learning adam unstable": "questions.html#the-loss-rises-late",
    "bert fine tuning loss stuck 0.693": "questions.html#fine-tuning-does-not-learn",
    "bert fine tuning learning rate": "questions.html#fine-tuning-does-not-learn",
    "fine-tuning learning rate": "questions.html#fine-tuning-does-not-learn",
    "pretrained weights destroyed learning rate": "questions.html#fine-tuning-does-not-learn",
    "adam nan fp16 eps": "questions.html#nan-in-half-precision",
    "weights change with zero gradient adamw": "questions.html#a-weight-without-a-gradient",
    "my adam implementation stops moving": "questions.html#it-stops-moving",
    "learing rate batch size adam": "questions.html#batch-doubled",
    "why beta1 0.5 gan adam": "questions.html#which",
    "adam to adamw weight decay value": "questions.html#from-adam-to-adamw",
    "does adam need learning rate decay": "questions.html#adam-adapts",
    "adam training loss suddenly increases late": "questions.html#the-loss-rises-late",
    "adam diverges after 100k steps": "questions.html#the-loss-rises-late",
    "adam from scratch numpy not converging": "questions.html#what-is-wrong-with-my-adam",
    "adam numpy steps shrink": "questions.html#it-stops-moving",
    "my adam implementation gets stuck": "questions.html#it-stops-moving",
    "accuracy stuck at 50 percent keras adam": "questions.html#the-loss-stands-still-from",
    "how many warmup steps adam": "questions.html#how-many-warm-up-steps",
    "warmup 10 percent of training": "questions.html#how-many-warm-up-steps",
    "loss wobbles constant learning rate adam": "questions.html#the-loss-stops-falling",
    "adam learning rate batch size scaling": "questions.html#batch-doubled",
    "adam beta1 beta2 values when change": "questions.html#which-betas",
    "adam betas": "questions.html#which-betas",
    "tune beta1 beta2": "questions.html#which-betas",
    "how to choose adam betas": "questions.html#which-betas",
    "keras pytorch adam different results": "questions.html#two-libraries",
    "broadcast target shape mse": "questions.html#two-libraries",
    "adam loss not decresing": "questions.html#the-loss-stands-still-from",
    "adam loss spikes late training": "questions.html#the-loss-rises-late",
    "embedding changes zero gradient adam": "questions.html#a-weight-without-a-gradient",
    "adam epsilon reinforcement learning value": "questions.html#which-value-of-epsilon",
    "ppo epsilon 1e-5": "questions.html#which-value-of-epsilon",
    "sgd to adam learning rate weight decay": "questions.html#from-sgd-to-adam",
    "adam learning rate decay needed": "questions.html#adam-adapts",
    "ReduceLROnPlateau adam": "questions.html#adam-adapts",
    "gradient descent cost goes to infinity": "questions.html#the-loss-explodes-at-once",
    "loss goes to infinity": "questions.html#the-loss-explodes-at-once",
    "cost nan linear regression learning rate": "questions.html#the-loss-explodes-at-once",
    "gradient descent diverges nan linear regression": "questions.html#the-loss-explodes-at-once",
    "learning rate too large diverges": "questions.html#the-loss-explodes-at-once",
    "scale features learning rate": "questions.html#the-loss-explodes-at-once",
    "best learning rate for adam": "questions.html#which-learning-rate",
    "which learning rate to start with adam": "questions.html#which-learning-rate",
    "pytorch why zero_grad": "questions.html#i-forgot-zero-grad",
    "weights change with zero gradient": "questions.html#a-weight-without-a-gradient",
}

# Who types the name of a chapter's topic wants the chapter first, and not its entry elsewhere.
TOPICS = {
    "gradient descent": "01_gradient_descent.html",
    "mini-batch gradient descent": "02_stochastic.html",
    "momentum": "03_momentum.html",
    "nesterov": "03_momentum.html",
    "adagrad": "04_adaptive_rates.html",
    "rmsprop": "04_adaptive_rates.html",
    "adam in practice": "05_adam_in_practice.html",
    "bias correction": "06_bias_correction.html",
    "adamax": "08_adamax.html",
    "your own adam": "08_own_adam.html",
    "does adam converge": "09_convergence.html",
    "yogi": "10_yogi.html",
    "amsgrad": "11_amsgrad.html",
    "adamw": "12_adamw.html",
    "warm-up": "13_schedules.html",
    "restarts": "13_restarts.html",
    "snapshot ensembles": "14_snapshots.html",
}


RESULTS = f"""words => {{
    Search.query(words);
    const links = [...document.querySelectorAll("#search-results li > a")];
    return links.slice(0, {FIRST}).map(a => a.href);
}}"""


@contextmanager
def book_search(chromium, address, script=SCRIPT):
    """A function from words to the addresses that come first."""
    with search(chromium, address, "adam", script) as page:
        page.get_by_text("Search finished").wait_for()
        yield lambda words: page.evaluate(RESULTS, words)


@pytest.fixture(scope="module")
def first_results(chromium, address):
    with book_search(chromium, address) as found:
        yield found


@pytest.mark.parametrize("words", WORDS)
def test_the_words_find_the_section(first_results, words):
    found = first_results(words)
    assert any(WORDS[words] in href for href in found), found


@pytest.mark.parametrize("words", TOPICS)
def test_the_name_of_a_topic_finds_its_chapter_first(first_results, words):
    assert TOPICS[words] in first_results(words)[0]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("old", "new", "words", "wanted", "places"),
    [
        # Titles are not looked at.
        (
            "const TITLE = 3, INDEX = 2.5, TEXT = 1, PAGE = 0.4, WHOLE_TITLE = 2",
            "const TITLE = 0, INDEX = 2.5, TEXT = 1, PAGE = 0.4, WHOLE_TITLE = 0",
            "loss spikes",
            WORDS["loss spikes"],
            FIRST,
        ),
        # The name of a page is one title of many.
        ("[isNamed, verbatim, ", "[verbatim, ", "bias correction", TOPICS["bias correction"], 1),
    ],
)
def test_a_worse_search_is_noticed(chromium, address, old, new, words, wanted, places):
    assert old in SCRIPT
    with book_search(chromium, address, SCRIPT.replace(old, new)) as found:
        assert not any(wanted in href for href in found(words)[:places])


def look_at_a_result_in_a_solution(chromium, address, script=SCRIPT):
    """Its anchor holds what no selector may; `search` sees errors."""
    with search(chromium, address, "silence+then+a+gradient", script) as page:
        page.get_by_text("Search finished").wait_for()
        page.wait_for_load_state("load")
        page.wait_for_timeout(500)  # what marks the part that one reads begins after that
        assert page.locator("#search-results a[href*='-solution-']").count()


def test_a_result_in_a_solution_makes_no_error(chromium, address):
    look_at_a_result_in_a_solution(chromium, address)
    old = "delete document.body.dataset.bsSpy"
    assert old in SCRIPT
    with pytest.raises(AssertionError, match="not a valid selector"):
        look_at_a_result_in_a_solution(chromium, address, SCRIPT.replace(old, "0"))


def test_words_that_find_something_else_are_noticed(first_results):
    assert not any("questions.html" in href for href in first_results("bibliography"))
