"""A policy comes into force step by step, and goes back when it denies more than was promised."""

from pathlib import Path

import pytest

from informer.core.errors import InformerError
from informer.pipeline.policy_rollout import publish
from informer.policies.calls import Call
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.parse import parse
from informer.policies.rollout import (
    CANARY,
    ENFORCE,
    OFF,
    RETIRED,
    SHADOW,
    Version,
    advanced,
    as_canary,
    observed,
    stepped_back,
)
from informer.policies.syntax import Policy
from informer.policies.write import write

RULES = 'rules 1\nrule a {\n    when caller = "web"\n    allow\n}\ndefault deny 403\n'


def version(number: int = 1, stage: str = OFF, calls: int = 0, denied: int = 0) -> Version:
    return Version(number, stage, RULES, 100_000, 10, calls, denied)


def stages(versions: list[Version]) -> list[str]:
    return [v.stage for v in versions]


def files_of(policy: Policy, shadow: bool) -> dict[str, str]:
    return {"policy.rules": ("# shadow\n" if shadow else "") + write(policy)}


def test_a_version_goes_through_all_stages_once_it_was_observed_enough() -> None:
    versions = advanced([version()], 1)
    assert stages(versions) == [SHADOW]
    with pytest.raises(InformerError, match="observed on at least 1,000 calls in shadow"):
        advanced(versions, 1)
    for stage in (CANARY, ENFORCE):
        versions, why = observed(versions, 1, 5_000, 0)
        assert why == ""
        versions = advanced(versions, 1)
        assert stages(versions) == [stage]
        assert versions[0].observed_calls == 0
    with pytest.raises(InformerError, match="version 1 is enforce: there is no stage after that"):
        advanced(versions, 1)


def test_a_new_version_that_is_enforced_retires_the_old_one() -> None:
    versions = advanced([version(1, ENFORCE), version(2, CANARY, calls=5_000)], 2)
    assert stages(versions) == [RETIRED, ENFORCE]
    assert stages(stepped_back(versions, 2, "too much")) == [ENFORCE, SHADOW]


def test_denials_beyond_the_promise_step_it_back_and_chance_does_not() -> None:
    promised = [version(1, ENFORCE)]  # 10 of 100,000
    assert observed(promised, 1, 100_000, 14)[1] == ""
    after, why = observed(promised, 1, 100_000, 60)
    assert stages(after) == [SHADOW]
    assert why == "denied 60 of 100,000 calls, promised were 10 of 100,000"


def test_what_is_observed_adds_up() -> None:
    versions = [version(1, SHADOW)]
    for _ in range(20):
        versions, why = observed(versions, 1, 1_000, 1)
        if why:
            break
    assert stages(versions) == [OFF]


def test_of_a_canary_only_its_share_can_be_denied() -> None:
    assert observed([version(1, CANARY)], 1, 100_000, 14)[1] != ""
    assert observed([version(1, CANARY)], 1, 100_000, 2)[1] == ""


def test_nothing_can_be_observed_of_a_version_that_is_off() -> None:
    with pytest.raises(InformerError, match="nothing of it can be observed"):
        observed([version()], 1, 10, 0)
    with pytest.raises(InformerError, match="there is no version 7 of the policy, there are: 1"):
        advanced([version()], 7)


def test_a_canary_judges_a_tenth_of_the_requests_the_same_each_time() -> None:
    policy = as_canary(parse(RULES))
    memory = Memory(policy)

    def verdict(i: int) -> str:
        return decide(policy, memory, Call(0, "x", "y", "m", trace_id=f"t{i}")).verdict

    first = [verdict(i) for i in range(3_000)]
    assert 200 < first.count("deny") < 400
    assert first == [verdict(i) for i in range(3_000)]
    assert as_canary(policy) == policy


def test_files_are_swapped_all_at_once(tmp_path: Path) -> None:
    publish(tmp_path, [version(1, ENFORCE)], files_of)
    current = tmp_path / "current"
    before = current.resolve()
    assert parse((current / "enforce" / "policy.rules").read_text()) == parse(RULES)
    publish(tmp_path, [version(1, ENFORCE), version(2, SHADOW)], files_of)
    assert sorted(p.name for p in current.iterdir()) == ["enforce", "shadow"]
    assert current.resolve() != before
    assert before.is_dir()  # who has it open reads on
    for _ in range(10):
        publish(tmp_path, [version(1, ENFORCE)], files_of)
    assert len(list((tmp_path / "versions").iterdir())) == 5


def test_a_swap_that_breaks_off_leaves_what_is_in_force(tmp_path: Path) -> None:
    publish(tmp_path, [version(1, ENFORCE)], files_of)
    before = (tmp_path / "current").resolve()

    def too_late(policy: Policy, shadow: bool) -> dict[str, str]:
        raise InformerError("the target cannot say this")

    with pytest.raises(InformerError, match="cannot say this"):
        publish(tmp_path, [version(2, ENFORCE)], too_late)
    with pytest.raises(InformerError, match="cannot be written"):
        publish(tmp_path, [version(2, ENFORCE)], lambda p, s: {"x" * 300: ""})
    assert (tmp_path / "current").resolve() == before
    publish(tmp_path, [version(2, ENFORCE)], files_of)
    assert (tmp_path / "current").resolve() != before
