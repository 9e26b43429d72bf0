"""IPython of the kernels that execute chapters: one-line errors, no colours, no history file."""

c = get_config()  # noqa: F821 (IPython provides it)
c.InteractiveShell.xmode = "Minimal"
c.InteractiveShell.colors = "NoColor"
c.HistoryManager.enabled = False
