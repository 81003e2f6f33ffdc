"""What `course check` found: findings by exercise, the kill matrix, the mutation score."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where, and what to do."""

    where: str
    problem: str
    remedy: str = ""


@dataclass(frozen=True)
class Kill:
    """How one known mistake fared: which checks it failed, and what it was diagnosed as."""

    mistake: str
    failed: tuple[str, ...]
    checks: int
    diagnosed: str | None


@dataclass
class Report:
    """Everything found about one exercise. Durations in seconds."""

    exercise: str
    findings: list[Finding] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    alternatives: int = 0
    seeds: int = 0
    checks: int = 0
    suite_s: float = 0.0
    mutants: int = 0
    survivors: list[str] = field(default_factory=list)
    argued: dict[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def mutation_score(self) -> float:
        """Killed mutants, and survivors argued to be equal, as a share of all."""
        return 1.0 if not self.mutants else 1 - len(self.survivors) / self.mutants
