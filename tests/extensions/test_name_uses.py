"""Uses of MLflow are found in code that runs, and nowhere else."""

import pytest
from chapter_parser import read_chapter
from name_uses import ChapterReader, Patterns, tables_shown
from nbformat.v4 import new_output

from tests.extensions.conftest import notebook


def uses(names, *cells) -> set[str]:
    reader = ChapterReader(names)
    return {f"{use.kind} {use.name}" for cell in cells for use in reader.uses(cell)}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["mlflow.log_param('a', 1)"], {"fluent log_param"}),
        (["from mlflow import start_run as go\nwith go():\n    pass"], {"fluent start_run"}),
        (["c = mlflow.MlflowClient(u)", "c.get_run(i)"], {"fluent MlflowClient", "client get_run"}),
        (["from mlflow import MlflowClient\nMlflowClient(u).log_batch(i)"],
         {"fluent MlflowClient", "client log_batch"}),
        (["from mlflow.tracking import MlflowClient\na, b = MlflowClient(), 1\na.get_run(i)"],
         {"client get_run"}),
        (["%%capture\nc = mlflow.MlflowClient()", "c.log_dict(i, {}, 'f')"],
         {"fluent MlflowClient", "client log_dict"}),
        (["%%writefile work/train.py\nimport mlflow\nmlflow.log_metric('m', 1)"],
         {"fluent log_metric"}),
        (["SCRIPT = '''\nimport mlflow\nmlflow.log_text('a', 'b')\n'''"], {"fluent log_text"}),
        (["!mlflow gc --backend-store-uri {uri} 2>&1 | grep x"], {"cli mlflow gc"}),
        (["%%bash\nmlflow server --host 0.0.0.0 \\\n  --workers 2 | head --bytes 1"],
         {"cli mlflow server", "option --host", "option --workers"}),
        (["%%bash\nmlflow ui -p 5000 &"], {"cli mlflow server", "option --port"}),
        (["subprocess.run([sys.executable, '-m', 'mlflow', 'db', 'upgrade', url])"],
         {"cli mlflow db upgrade"}),
        (["options = ['--allowed-hosts', 'x']\nPopen(['mlflow', 'server', *options])"],
         {"cli mlflow server", "option --allowed-hosts"}),
        (["TrackingServer('--no-serve-artifacts')"],
         {"cli mlflow server", "option --serve-artifacts"}),
        (["subprocess.run('mlflow experiments csv -x 1', shell=True)"],
         {"cli mlflow experiments csv"}),
        (["os.environ['MLFLOW_RUN_ID'] = x"], {"env MLFLOW_RUN_ID"}),
        (["patch.dict(os.environ, MLFLOW_RUN_ID='x')"], {"env MLFLOW_RUN_ID"}),
        (["env_vars.MLFLOW_RUN_ID.get()"], {"env MLFLOW_RUN_ID"}),
        (["%%bash\nexport MLFLOW_RUN_ID=1\nunset MLFLOW_REGISTRY_URI\necho ${MLFLOW_TRACKING_URI}"],
         {"env MLFLOW_RUN_ID", "env MLFLOW_REGISTRY_URI", "env MLFLOW_TRACKING_URI"}),
        (["{'MLFLOW_HOST': '0.0.0.0'}"], {"option --host"}),
        (["requests.get(f'{uri}/api/2.0/mlflow/runs/get?run_id={i}')"],
         {"rest /api/2.0/mlflow/runs/get"}),
        (["api = uri + '/ajax-api/2.0/mlflow/runs'", "requests.post(f'{api}/search', json={})"],
         {"rest /api/2.0/mlflow/runs/search"}),
        (["api = f'{uri}/api/2.0/mlflow/runs'", "!curl -s {api}/get?run_id=1 | head"],
         {"rest /api/2.0/mlflow/runs/get"}),
        (["requests.patch(f'{u}/api/3.0/mlflow/traces/{i}/tags')"],
         {"rest /api/3.0/mlflow/traces/<trace_id>/tags"}),
        (["pd.read_sql('SELECT * FROM runs r JOIN latest_metrics m USING (run_uuid)', db)"],
         {"table runs", "table latest_metrics"}),
        (["mlflow.artifacts.load_text(f'runs:/{i}/a.txt')", "!mlflow artifacts download -u s3://b/a"],
         {"scheme runs:/", "scheme s3:/", "cli mlflow artifacts download"}),
        (["%%bash\npsql -c 'select count(*) from experiments'"], {"table experiments"}),
    ],
)  # fmt: skip
def test_a_use_is_found(names, cells, expected):
    assert uses(names, *cells) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "# mlflow.log_param('a', 1)",
        "'mlflow.log_metric'",
        "print('call mlflow.log_metric first')",
        "store.log_param('a', 1)",
        "mlflow.sklearn.log_model(m)",
        "'''Sets MLFLOW_RUN_ID for mlflow gc'''",
        "print('MLFLOW_RUN_ID is missing, run mlflow gc')",
        "%%bash\n# mlflow gc\necho done  # MLFLOW_RUN_ID=1",
        "%%bash\npip install mlflow server",
        "['uvicorn', '--workers', '2']",
        "'the best model from runs of today'",
        "requests.get(f'{uri}/api/2.0/mlflow/runs/get-all')",
        "print('https://host/a', 'profiles:/a')",
        "%%html\n<p>mlflow.log_param</p>",
    ],
)
def test_what_is_no_use_is_not_found(names, cell):
    assert uses(names, cell) == set()


def test_a_variable_that_holds_something_else_now_is_no_client(names):
    assert uses(names, "c = mlflow.MlflowClient()", "c = other()", "c.get_run(i)") == {
        "fluent MlflowClient"
    }
    inside = "def f():\n    c = other()\n    c.log_text()"
    assert uses(names, "c = mlflow.MlflowClient()", inside, "c.get_run(i)") == {
        "fluent MlflowClient",
        "client get_run",
    }


def test_places_are_those_of_the_source(names):
    cell = '이름 = "값"; mlflow.log_param("이름", 이름)\n!mlflow gc {이름}\nmlflow.set_tag("a", 1)'
    found = {use.name: cell[use.start : use.end] for use in ChapterReader(names).uses(cell)}
    assert found == {"log_param": "log_param", "mlflow gc": "mlflow gc", "set_tag": "set_tag"}


def test_tables_are_also_found_in_what_a_query_over_tables_prints(names):
    source = notebook(
        ("# T\n(a)=\n## One",),
        "def rows(t):\n    return db.execute(f'SELECT count(*) FROM {t}').fetchone()",
        ("(b)=\n## Two",),
        "{t: rows(t) for t in tables}",
        ("(c)=\n## Three",),
        "run.data",
        ("## Four",),
        "{t: rows(t) for t in tables}",
    )
    printed = new_output("execute_result", data={"text/plain": "{'runs': 1, 'tags.x': 2}"})
    for number in (3, 5, 7):
        source.cells[number].outputs = [printed]
    shown = tables_shown(Patterns(names), read_chapter(source))
    assert shown == [set(), set(), {"runs"}, set(), {"runs"}]  # the first is the title's
