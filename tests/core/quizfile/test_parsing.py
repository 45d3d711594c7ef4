"""A quiz file is read as it was written, and every fault in one is told with its line."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.quiz import Options
from octtutor.core.quizfile.parsing import (
    MAX_CASES,
    MAX_SEED,
    case_names,
    parse_quiz,
    read_quiz,
)
from octtutor.core.quizfile.quiz_file import QuizFile, Rule
from octtutor.core.quizfile.writing import write_quiz
from octtutor.core.tomlfile.fault import Fault
from octtutor.limits import MAX_QUIZ_FILE_BYTES

SCHEMES = {"oct2017": ("CNV", "DME", "DRUSEN", "NORMAL"), "surface": ("MH", "ERM")}
A, B = "a" * 64, "b" * 64
GOOD = """title = "Drusen or CNV?"
deck = "embedded"

[rule]
per_class = { CNV = 5, DRUSEN = 5 }
seed = 7
"""
NAMED = f"""title = "Two"

[[cases]]
sha256 = "{A}"
name = "CNV/CNV-1-1.jpeg"

[[cases]]
sha256 = "{B}"
"""


def faults(text: str) -> list[tuple[int, str]]:
    found = parse_quiz("a-quiz", text, SCHEMES)
    assert not isinstance(found, QuizFile)
    return [(fault.line, fault.what) for fault in found]


def one_fault(text: str) -> tuple[int, str]:
    (found,) = faults(text)
    return found


def test_a_rule_is_read():
    quiz = parse_quiz("drusen-or-cnv", GOOD, SCHEMES)
    assert isinstance(quiz, QuizFile)
    assert (quiz.key, quiz.title, quiz.deck, quiz.language) == (
        "drusen-or-cnv",
        "Drusen or CNV?",
        "embedded",
        "en",
    )
    assert quiz.rule == Rule({"CNV": 5, "DME": 0, "DRUSEN": 5, "NORMAL": 0}, 7)
    assert (quiz.seed, quiz.size, quiz.cases, quiz.options) == (7, 10, (), Options())
    assert len(quiz.version) == 12


def test_one_number_stands_for_every_class():
    quiz = parse_quiz("x", GOOD.replace("{ CNV = 5, DRUSEN = 5 }", "3"), SCHEMES)
    assert isinstance(quiz, QuizFile)
    assert quiz.rule == Rule(dict.fromkeys(SCHEMES["oct2017"], 3), 7)


def test_a_rule_counts_the_classes_of_its_scheme():
    other = GOOD.replace("{ CNV = 5, DRUSEN = 5 }", "{ ERM = 2 }")
    told = other.replace("[rule]", 'scheme = "surface"\n\n[rule]')
    quiz = parse_quiz("x", told, SCHEMES)
    assert isinstance(quiz, QuizFile)
    assert (quiz.scheme, quiz.rule) == ("surface", Rule({"MH": 0, "ERM": 2}, 7))
    assert 'scheme = "surface"' in write_quiz(quiz)
    assert parse_quiz("x", told.replace("{ ERM = 2 }", "3"), SCHEMES).size == 6
    (fault,) = parse_quiz("x", told.replace("ERM", "CNV"), SCHEMES)
    assert (fault.line, "unknown class 'CNV'" in fault.what) == (7, True)
    (fault,) = parse_quiz("x", GOOD.replace("[rule]", 'scheme = "mine"\n\n[rule]'), SCHEMES)
    assert fault.line == 4
    assert fault.what == "expected a scheme of oct2017, surface, received 'mine'"


def test_named_cases_and_all_options_are_read():
    text = 'mode = "exam"\npass_mark = 1\n' + NAMED.replace(
        "\n\n[[",
        "\n\n[options]\nconfidence = false\nmark_where = true\ncase_seconds = 30\n"
        "total_seconds = 600\nattempts = 2\nretest_days = 28\nseed = 9\n\n[[",
        1,
    )
    quiz = parse_quiz("two", text, SCHEMES)
    assert isinstance(quiz, QuizFile)
    assert quiz.cases == (A, B)
    assert (quiz.seed, quiz.rule, quiz.deck, quiz.size) == (9, None, "", 2)
    assert quiz.options == Options(True, False, False, True, 30, 600, 2, 28, 1.0)
    assert case_names(text) == {A: "CNV/CNV-1-1.jpeg"}


def test_the_version_is_of_the_text_whatever_its_line_ends():
    first, windows, other = (
        parse_quiz("x", text, SCHEMES)
        for text in (GOOD, GOOD.replace("\n", "\r\n"), GOOD + "# more\n")
    )
    assert first == windows
    assert isinstance(first, QuizFile)
    assert isinstance(other, QuizFile)
    assert first.version != other.version
    assert replace(other, version=first.version) == first


def test_a_byte_order_mark_of_windows_does_no_harm():
    assert read_quiz("x", b"\xef\xbb\xbf" + GOOD.encode(), SCHEMES) == parse_quiz(
        "x", GOOD, SCHEMES
    )


words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80).filter(
    lambda text: text.strip()
)
paragraphs = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=400)
seeds = st.integers(0, MAX_SEED)
counts = (
    st.tuples(*[st.integers(0, 250)] * 4)
    .filter(sum)
    .map(lambda four: dict(zip(SCHEMES["oct2017"], four, strict=True)))
)
hashes = st.lists(
    st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=5, unique=True
)


def whole(most: int):
    return st.none() | st.integers(1, most)


@st.composite
def quizzes(draw) -> QuizFile:
    seed, is_exam, by_rule = draw(seeds), draw(st.booleans()), draw(st.booleans())
    total = draw(whole(86400))
    options = Options(
        is_exam=is_exam,
        confidence=draw(st.booleans()),
        second_look=draw(st.booleans()) and not is_exam,
        mark_where=draw(st.booleans()),
        case_seconds=draw(whole(min(3600, total or 3600))),
        total_seconds=total,
        attempts=draw(whole(100)) if is_exam else None,
        retest_days=draw(whole(3650)) if is_exam else None,
        pass_mark=draw(st.none() | st.floats(0, 1, exclude_min=True)) if is_exam else None,
    )
    return QuizFile(
        key="made",
        version="",
        title=draw(words),
        description=draw(paragraphs),
        deck=draw(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)),
        language=draw(st.sampled_from(["en", "de", "pt-BR"])),
        rule=Rule(draw(counts), seed) if by_rule else None,
        cases=() if by_rule else tuple(draw(hashes)),
        seed=seed,
        options=options,
        source=draw(paragraphs),
    )


@given(quizzes(), st.text(max_size=300))
def test_what_is_written_is_read_again(made: QuizFile, name: str):
    text = write_quiz(made, dict.fromkeys(made.cases, name))
    read = parse_quiz("made", text, SCHEMES)
    assert isinstance(read, QuizFile), read
    assert replace(read, version="") == made
    assert parse_quiz("made", write_quiz(read, case_names(text)), SCHEMES) == read


@given(
    st.sampled_from([GOOD, NAMED]),
    st.integers(0, 300),
    st.integers(0, 20),
    st.text(max_size=40) | st.text('[]{}="\n.,#1a', max_size=20),
)
def test_any_text_is_a_quiz_or_has_faults(text: str, start: int, length: int, new: str):
    found = parse_quiz("x", text[:start] + new + text[start + length :], SCHEMES)
    assert isinstance(found, QuizFile) or (found and all(isinstance(one, Fault) for one in found))


def test_every_fault_is_told_with_its_line_in_one_go():
    text = f"""title = 5
deck = "Not A Deck"
colour = "red"
mode = "test"

[options]
confidence = 1
case_seconds = 0
speed = 2

[[cases]]
sha256 = "{A}"
tag = 1

[[cases]]
sha256 = "{A}"

[[cases]]
sha256 = "zz"

[[cases]]
name = "no hash"
"""
    found = faults(text)
    assert [line for line, _ in found] == [1, 2, 3, 4, 7, 8, 9, 13, 16, 19, 21]
    told = dict(found)
    assert "one line of text" in told[1]
    assert "a deck's name" in told[2]
    assert "unknown key 'colour'" in told[3]
    assert "'practice' or 'exam'" in told[4]
    assert "true or false as 'confidence', received 1" in told[7]
    assert "1 to 3600" in told[8]
    assert "unknown key 'speed'" in told[9]
    assert "unknown key 'tag'" in told[13]
    assert "case 2 is the same scan as case 1" in told[16]
    assert "64 small hex digits" in told[19]
    assert "received none" in told[21]


@pytest.mark.parametrize(
    ("was", "now", "line", "what"),
    [
        ("CNV = 5", "CNV = 0", 5, "leave an empty class out"),
        ("{ CNV = 5, DRUSEN = 5 }", "{}", 5, "1 to 1000"),
        ("{ CNV = 5, DRUSEN = 5 }", "0", 5, "1 to 1000"),
        ("{ CNV = 5, DRUSEN = 5 }", "true", 5, "received True"),
        ("{ CNV = 5, DRUSEN = 5 }", '"five"', 5, "received 'five'"),
        ("{ CNV = 5, DRUSEN = 5 }", "999", 5, "at most 1000 cases, received 3996"),
        ("CNV = 5", "CNV = 5.0", 5, "a whole number"),
        ("CNV = 5", "AMD = 5", 5, "unknown class 'AMD'"),
        ("seed = 7", "seed = -1", 6, "0 to 2147483647"),
        ("seed = 7", "seeds = 7", 6, "unknown key 'seeds'"),
        ("per_class = { CNV = 5, DRUSEN = 5 }", "", 4, "received nothing"),
        ('deck = "embedded"', "", 4, "that the rule draws from"),
        ('title = "Drusen or CNV?"', "", 0, "'title'"),
        ('title = "Drusen or CNV?"', 'title = " "', 1, "1 to 80 characters"),
        ('title = "Drusen or CNV?"', f'title = "{"x" * 81}"', 1, "1 to 80 characters"),
        ('title = "Drusen or CNV?"', 'title = "a\\nb"', 1, "one line"),
        ('title = "Drusen or CNV?"', 'title = "a\\u0007"', 1, "one line"),
        ("[rule]", 'language = "English"\n[rule]', 4, "a language"),
        ("[rule]", 'description = ["x"]\n[rule]', 4, "at most 400 characters"),
        ("[rule]", "[options]\nseed = 3\n[rule]", 5, "in [rule] only"),
        ("[rule]", "options = 3\n[rule]", 4, "expected a table [options]"),
        ("[rule]", "pass_mark = 0.8\n[rule]", 4, "exams only"),
        ("[rule]", "[options]\nattempts = 1\n[rule]", 5, "exams only"),
        ("[rule]", "[options]\nretest_days = 28\n[rule]", 5, "exams only"),
        ("[rule]", 'mode = "exam"\n[options]\nsecond_look = true\n[rule]', 6, "no second look"),
        ("[rule]", 'mode = "exam"\npass_mark = 80\n[rule]', 5, "up to 1"),
        ("[rule]", 'mode = "exam"\npass_mark = 0\n[rule]', 5, "up to 1"),
        ("[rule]", 'mode = "exam"\npass_mark = nan\n[rule]', 5, "up to 1"),
        ("[rule]", "[options]\ncase_seconds = 9\ntotal_seconds = 8\n[rule]", 5, "at most"),
        ("[rule]", f"[options]\ncase_seconds = 0x{'f' * 5000}\n[rule]", 5, "too long"),
    ],
)
def test_a_fault_is_told_with_its_line(was: str, now: str, line: int, what: str):
    assert was in GOOD
    found = one_fault(GOOD.replace(was, now))
    assert found[0] == line
    assert what in found[1]


def test_each_class_of_a_rule_has_its_own_fault_and_line():
    wrong = "{ CNV = 0, AMD = 3, DRUSEN = true, ROP = 1 }"
    found = faults(GOOD.replace("{ CNV = 5, DRUSEN = 5 }", wrong))
    assert [line for line, _ in found] == [5, 5, 5, 5]
    assert [what.split(";")[0].split()[-1] for _, what in found] == ["'AMD'", "'ROP'", "0", "True"]
    table = '[rule.per_class]\nCNV = 5\nDME = "two"\nAMD = 1\n'
    found = faults(f'title = "x"\ndeck = "embedded"\n{table}')
    assert [line for line, _ in found] == [5, 6]


def test_a_wrong_name_hides_no_fault_of_the_text():
    found = parse_quiz("A b", "title = 5\n" + GOOD.partition("\n")[2], SCHEMES)
    assert isinstance(found, tuple)
    assert [fault.line for fault in found] == [0, 1]


def test_a_rule_and_named_cases_exclude_each_other():
    assert one_fault('title = "x"\n')[1] == "expected [rule] or [[cases]], received neither"
    both = faults(GOOD + f'[[cases]]\nsha256 = "{A}"\n')
    assert both == [(4, "expected [rule] or [[cases]], received both")]


@pytest.mark.parametrize("cases", ["cases = []", "cases = 3", "[cases]\nx = 1"])
def test_cases_that_are_no_tables_are_a_fault(cases: str):
    assert one_fault(f'title = "x"\n{cases}\n') == (2, "expected tables [[cases]], one or more")
    assert "a table [[cases]]" in one_fault('title = "x"\ncases = [3]\n')[1]


def test_too_many_cases_are_a_fault():
    cases = "".join(f'[[cases]]\nsha256 = "{n:064x}"\n' for n in range(MAX_CASES + 1))
    assert one_fault(f'title = "x"\n{cases}') == (
        2,
        f"expected at most {MAX_CASES} cases, received {MAX_CASES + 1}",
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('title = "x"\ndeck = embedded\n', 2),
        ('title = "x"\n\n[rule\n', 3),
        ('title = "x"\ntitle = "y"\n', 2),
        ('title = "x"\nsource = """\nnever ends\n', 3),
        ("x = " + "[" * 5000, 0),
        ("x = " + "9" * 5000, 0),
        ('title = "\ud800"', 0),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int):
    found = one_fault(text)
    assert found[0] == line
    assert "not TOML" in found[1]


def test_bytes_that_are_no_text_and_files_that_are_too_large_are_faults():
    assert read_quiz("x", b'title = "x"\n\xff\xfe', SCHEMES) == (
        Fault(2, "expected UTF-8; save it as that"),
    )
    (large,) = read_quiz("x", b"#" * (MAX_QUIZ_FILE_BYTES + 1), SCHEMES)
    assert "400,000 bytes" in large.what


@pytest.mark.parametrize("key", ["", "A", "a b", "../x", "-a", "a.b", "x" * 65, "a\n", "ä"])
def test_a_name_that_is_no_file_name_is_a_fault(key: str):
    (found,) = parse_quiz(key, GOOD, SCHEMES)
    assert "a-z, 0-9 and -" in found.what


def test_many_faults_are_all_listed():
    text = "".join(f"key{n} = 1\n" for n in range(20_000))
    found = faults(text + GOOD)
    assert len(found) == 20_000
    assert found[-1][0] == 20_000
