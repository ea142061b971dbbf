import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from tasks.progress import ProgressPublisher


def test_the_share_is_that_of_all_counters_together():
    progress = ProgressPublisher("key", "text", {"a": 100, "b": 300})
    assert progress.percent == 0
    progress.update("a", 100, 100)
    assert progress.percent == 25
    progress.update("b", 300, 300)
    assert progress.percent == 100
    progress.update("b", 999, 300)
    assert progress.percent == 100
    assert ProgressPublisher("key", "text", {}).percent == 100


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(("done", "shown"), [(40, 40.0), (100, 100.0)])
def test_the_artifact_ends_with_the_last_share_and_belongs_to_its_task(done, shown):
    @task
    def count() -> None:
        with ProgressPublisher(f"test-progress-{done}", "text", {"a": 100}) as progress:
            progress.update("a", done, 100)

    @flow
    def counting() -> None:
        count()

    counting()
    with get_client(sync_client=True) as client:
        keyed = ArtifactFilter(key=ArtifactFilterKey(any_=[f"test-progress-{done}"]))
        (artifact,) = client.read_artifacts(artifact_filter=keyed)
    assert artifact.data == shown
    assert artifact.task_run_id is not None
