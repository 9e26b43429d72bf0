"""Cells that say why the programs they start are executed instead of being forked.

What a process holds in memory, how long it takes to start, what it reads while importing: a page
that shows this has to show it of a program that was executed. The cell's metadata say so:
`"handbook": {"cold": "the memory of the server's processes is shown"}`.
"""

from collections.abc import Awaitable, Callable

from jupyter_client.asynchronous import AsyncKernelClient
from mlflow_lab.patience import patience
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets import default

_PAUSE = '__import__("mlflow_lab.warm_start", fromlist=["pause"]).pause({})'


def reason_to_start_cold(cell: NotebookNode) -> str | None:
    return cell.metadata.get("handbook", {}).get("cold")


class Client(NotebookClient):
    """Tells the kernel, before a cell runs, how that cell starts programs."""

    _paused = False

    @default("startup_timeout")
    def _as_long_as_a_busy_machine_needs(self) -> int:
        return round(patience(60))

    @default("on_cell_start")
    def _tell_the_kernel(self) -> Callable[[NotebookNode, int], Awaitable[None]]:
        async def tell(cell: NotebookNode, cell_index: int) -> None:
            paused = reason_to_start_cold(cell) is not None
            if paused != self._paused:
                assert isinstance(self.kc, AsyncKernelClient)  # once the kernel was started
                await self.kc.execute_interactive(_PAUSE.format(paused), silent=True)
                self._paused = paused

        return tell
