"""Invented reports, right ones and ones with one seeded error, from the templates beside this file.

A report is a list of lines, each a template with its values, so that an error changes one thing and leaves the rest
word for word. Nothing here knows the checker or its words.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ERRORS", "Report", "Templates", "seeded", "write"]

ONE_SIDED = ("Effusion", "Pneumothorax", "Consolidation", "Infiltration", "Atelectasis", "Fracture")
SIZED = ("Nodule", "Mass")
SIDELESS = ("Cardiomegaly", "Edema")
DEVICES = ("Endotracheal tube", "Enteric tube", "Central line", "Chest tube", "Pacemaker")
CRITICAL = ("Pneumothorax", "Pneumoperitoneum")
SIDES = {"en": ("left", "right"), "zh": ("左", "右")}


class Templates:
    """The templates of one language; with `is_once`, those kept back are taken wherever there are some.

    With `is_developed`, those that the checker's rules were developed on are taken in the same way.
    """

    def __init__(self, language: str, *, is_once: bool = False, is_developed: bool = False) -> None:
        folder = Path(__file__).parent
        self.language, self.is_once = language, is_once or is_developed
        self._lists: dict[str, Any] = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
        self._once: dict[str, Any] = self._lists.pop("once")
        if is_developed:
            self._once = tomllib.loads((folder / f"developed_{language}.toml").read_text(encoding="utf-8"))

    def of(self, part: str, key: str) -> list[str]:
        """Return the templates of a key."""
        once = self._once.get(part, {}).get(key) if self.is_once else None
        if isinstance(once, str):
            once = [once]
        found: list[str] = once or self._lists[part][key]
        return found

    def fillers(self, names: list[str]) -> list[str]:
        """Return sentences that say nothing of interest, and nothing that these findings contradict."""
        fitting = [text for name, text in self._lists["denial"].items() if name not in names]
        return [*self.of("findings", "filler"), *fitting]

    def nouns(self, name: str) -> list[str]:
        """Return what a finding or device is called."""
        found: list[str] = self._lists["noun"][name]
        return found


@dataclass
class Line:
    """One sentence: a template and its values, about one finding or none."""

    section: str
    template: str
    name: str = ""
    values: dict[str, str] = field(default_factory=dict)
    kind: str = ""

    def text(self) -> str:
        """Return the sentence."""
        said = " ".join(self.template.format(**self.values).split())
        return said[:1].upper() + said[1:]


@dataclass
class Report:
    """A report with what is known besides its text.

    Args:
        language: `en` or `zh`.
        sex: `M` or `F`.
        head: lines before the findings.
        lines: of findings and impression.
        placed: the side on which each one-sided finding lies on the film.
        has_prior: whether the comparison names one.
        denied: what the findings deny.
    """

    language: str
    sex: str
    head: list[str]
    headings: tuple[str, str]
    lines: list[Line]
    placed: dict[str, str]
    has_prior: bool
    denied: set[str] = field(default_factory=set)

    def text(self) -> str:
        """Return the report as it would be pasted."""
        said = {part: [one.text() for one in self.lines if one.section == part] for part in ("findings", "impression")}
        between = " " if self.language == "en" else ""
        numbered = [f"{number}. {one}" for number, one in enumerate(said["impression"], 1)]
        return "\n".join([*self.head, self.headings[0], between.join(said["findings"]), self.headings[1], *numbered])

    def about(self, section: str, *kinds: str) -> list[Line]:
        """Return the lines of a section of these kinds."""
        return [one for one in self.lines if one.section == section and one.kind in kinds]


def write(chance: random.Random, templates: Templates, *, needs: str = "") -> Report:
    """Write a report in which everything fits.

    Args:
        needs: kind of error that is to be put in; the report then says what the error needs.
    """
    sex, has_prior = chance.choice("MF"), needs != "prior" and chance.random() < 0.5
    names = chance.sample(ONE_SIDED, 2)
    if needs == "missing_critical":
        names = [chance.choice(CRITICAL), *[one for one in names if one != "Pneumothorax"]]
    if needs == "unit" or chance.random() < 0.5:
        names.append(chance.choice(SIZED))
    if chance.random() < 0.3:
        names.append(chance.choice(SIDELESS))
    devices = chance.sample(DEVICES, chance.choice([1, 2]) if needs == "device" else chance.choice([0, 0, 1]))
    absent = chance.sample([one for one in (*ONE_SIDED, *SIDELESS) if one not in names], 3)
    report = Report(
        templates.language, sex, _head(chance, templates, sex, has_prior),
        (chance.choice(templates.of("head", "findings")), chance.choice(templates.of("head", "impression"))),
        [], {}, has_prior,
    )  # fmt: skip
    for name in names:
        _say_present(report, chance, templates, name)
    for name in devices:
        for section in ("findings", "impression")[: chance.choice([1, 2])]:
            _add(report, chance, templates, section, "device", name, {})
    _say_absent(report, chance, templates, absent)
    for text in chance.sample(templates.fillers(names), 2):
        report.lines.insert(chance.randrange(len(report.lines) + 1), Line("findings", text, kind="filler"))
    return report


def _head(chance: random.Random, templates: Templates, sex: str, has_prior: bool) -> list[str]:
    values = {
        "age": str(chance.randint(18, 95)), "person": chance.choice(templates.of("person", sex)),
        "complaint": chance.choice(templates.of("complaint", "all")),
    }  # fmt: skip
    comparison = templates.of("head", "comparison" if has_prior else "no_comparison")
    lines = [chance.choice(templates.of("head", "indication")).format(**values)]
    return [*lines, chance.choice(templates.of("head", "technique")), chance.choice(comparison)]


def _say_present(report: Report, chance: random.Random, templates: Templates, name: str) -> None:
    side = chance.choice(SIDES[report.language])
    size = f"{chance.randint(4, 25)} mm" if report.language == "en" else f"{chance.randint(4, 25)}毫米"
    grade = chance.choice("123")
    kind = "sized" if name in SIZED else "one_sided" if name in ONE_SIDED else "sideless"
    if kind != "sideless" and name != "Fracture":  # no model here places fractures
        report.placed[name] = ("left", "right")[SIDES[report.language].index(side)]
    for section in ("findings", "impression"):
        values = {"side": side, "size": size, "grade": grade}
        values["severity"] = chance.choice(templates.of("severity", grade))
        _add(report, chance, templates, section, kind, name, values)


def _say_absent(report: Report, chance: random.Random, templates: Templates, names: list[str]) -> None:
    first, second, third = names
    report.denied |= set(names)
    other = chance.choice(templates.nouns(third))
    _add(report, chance, templates, "findings", "absent", first, {"other": other})
    _add(report, chance, templates, "findings", "absent", second, {"other": other})
    if chance.random() < 0.5:
        _add(report, chance, templates, "impression", "absent", first, {"other": other})


def _add(
    report: Report, chance: random.Random, templates: Templates, section: str, kind: str, name: str,
    values: dict[str, str],
) -> None:  # fmt: skip
    template = chance.choice(templates.of(section, kind))
    noun = chance.choice(templates.nouns(name))
    report.lines.append(Line(section, template, name, {**values, "noun": noun}, kind))


def seeded(report: Report, kind: str, chance: random.Random, templates: Templates) -> Report:
    """Return a copy with one error of this kind; `write` was told that it is needed."""
    wrong = deepcopy(report)
    ERRORS[kind](wrong, chance, templates)
    return wrong


def _other_side(report: Report, line: Line) -> None:
    left, right = SIDES[report.language]
    line.values["side"] = left if line.values["side"] == right else right


def _side(report: Report, chance: random.Random, templates: Templates) -> None:
    _other_side(report, chance.choice(report.about("impression", "one_sided", "sized")))


def _region(report: Report, chance: random.Random, templates: Templates) -> None:
    name = chance.choice([one for one in report.about("findings", "one_sided") if one.name in report.placed]).name
    for line in report.lines:
        if line.name == name:
            _other_side(report, line)


def _contradiction(report: Report, chance: random.Random, templates: Templates) -> None:
    line = chance.choice(report.about("impression", "one_sided", "sideless"))
    line.template, line.kind = chance.choice(templates.of("impression", "absent")), "absent"
    line.values["noun"] = chance.choice(templates.nouns(line.name))


def _negation(report: Report, chance: random.Random, templates: Templates) -> None:
    """A "no" is lost: what one sentence of the findings denies, another states."""
    denied = chance.choice(report.about("findings", "absent"))
    kind = "one_sided" if denied.name in ONE_SIDED else "sideless"
    values = {"side": chance.choice(SIDES[report.language]), "severity": chance.choice(templates.of("severity", "1"))}
    _add(report, chance, templates, "findings", kind, denied.name, values)


def _prior(report: Report, chance: random.Random, templates: Templates) -> None:
    about = chance.choice(report.about("findings", "one_sided"))
    text = chance.choice(templates.of("error", "prior"))
    section = chance.choice(["findings", "impression"])
    report.lines.append(Line(section, text, about.name, {"noun": about.values["noun"]}, "prior"))


def _missing_critical(report: Report, chance: random.Random, templates: Templates) -> None:
    report.lines = [one for one in report.lines if one.section == "findings" or one.name not in CRITICAL]


def _device(report: Report, chance: random.Random, templates: Templates) -> None:
    """The impression denies a device that is there, or has one of which the findings know nothing."""
    known = report.about("findings", "device")
    report.lines = [one for one in report.lines if (one.section, one.kind) != ("impression", "device")]
    if chance.random() < 0.5:
        _add(report, chance, templates, "impression", "no_device", chance.choice(known).name, {})
        return
    unknown = [one for one in DEVICES if one not in {line.name for line in known}]
    _add(report, chance, templates, "impression", "device", chance.choice(unknown), {})


def _unit(report: Report, chance: random.Random, templates: Templates) -> None:
    """Millimetres become centimetres, in the impression; of a nodule, which is never so large, sometimes in both."""
    lines = report.about("impression", "sized")
    if lines[0].name == "Nodule" and chance.random() < 0.5:
        lines = [one for one in report.lines if one.kind == "sized"]
    for line in lines:
        value = int("".join(filter(str.isdigit, line.values["size"])))
        line.values["size"] = f"{max(value, 6)} cm" if report.language == "en" else f"{max(value, 6)}厘米"


def _severity(report: Report, chance: random.Random, templates: Templates) -> None:
    line = chance.choice(report.about("impression", "one_sided", "sideless"))
    grade = chance.choice([one for one in "123" if one != line.values["grade"]])
    line.values["severity"] = chance.choice(templates.of("severity", grade))


def _added(section: str, key: str) -> Callable[[Report, random.Random, Templates], None]:
    def change(report: Report, chance: random.Random, templates: Templates) -> None:
        text = chance.choice(templates.of("error", key or report.sex))
        noun = chance.choice(templates.nouns("Infiltration"))
        report.lines.append(Line(section, text, values={"noun": noun}))

    return change


def _unsupported(report: Report, chance: random.Random, templates: Templates) -> None:
    said = {one.name for one in report.lines} | report.denied
    kin = {"Consolidation", "Infiltration", "Mass", "Nodule", "Edema"}  # one of these may explain another
    name = chance.choice([one for one in (*ONE_SIDED, *SIDELESS, "Pneumoperitoneum") if one not in said | kin])
    _say_present(report, chance, templates, name)
    report.lines = [one for one in report.lines if (one.section, one.name) != ("findings", name)]


ERRORS: dict[str, Callable[[Report, random.Random, Templates], None]] = {
    "side": _side,
    "region": _region,
    "contradiction": _contradiction,
    "negation": _negation,
    "severity": _severity,
    "prior": _prior,
    "missing_critical": _missing_critical,
    "unsupported": _unsupported,
    "normal": _added("impression", "normal"),
    "device": _device,
    "unit": _unit,
    "sex": _added("findings", ""),
    "anatomy": _added("findings", "anatomy"),
    "unfilled": _added("findings", "unfilled"),
}


def reports(count: int, chance: random.Random, templates: Templates, kind: str) -> Iterator[tuple[Report, Report]]:
    """Yield reports that fit, each with its twin that has one error of a kind."""
    for _ in range(count):
        report = write(chance, templates, needs=kind)
        yield report, seeded(report, kind, chance, templates)
