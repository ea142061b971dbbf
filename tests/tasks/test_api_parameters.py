"""What the API takes of an inference run is what the flow takes, with the same bounds and defaults."""

import pytest

from strata.api.parameters import InferenceJob
from strata.api.routes.archaeological import MeshJob
from tasks.inference_parameters import InferenceParameters
from tasks.mesh_parameters import MeshParameters

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "enum", "type", "default")


@pytest.mark.parametrize(
    ("api", "flow", "others"),
    [(InferenceJob, InferenceParameters, {"prompts", "seed"}), (MeshJob, MeshParameters, {"mesh"})],
)
def test_bounds_and_defaults_are_those_of_the_flow(api, flow, others: set[str]) -> None:
    mine, its = api.model_json_schema()["properties"], flow.model_json_schema()["properties"]
    for name, field in mine.items():
        if name not in others:
            assert {each: field.get(each) for each in BOUNDS} == {each: its[name].get(each) for each in BOUNDS}, name


def test_prompts_have_the_bounds_of_the_flow() -> None:
    mine = InferenceJob.model_json_schema()["properties"]["prompts"]
    its = InferenceParameters.model_json_schema()["properties"]["prompts"]
    for bound in ("minItems", "maxItems", "items"):
        assert mine[bound] == its[bound]


def test_no_file_is_named_over_http() -> None:
    named = {"mesh", "identity"}
    assert not named & InferenceJob.model_fields.keys()
    with pytest.raises(ValueError, match="model"):
        InferenceJob(prompts=["x"], model="/etc/passwd")
