"""Sphinx extension: buttons that lead to the public repository, once its address is known.

The address stands in `_config.yml` alone (`repository: url:`). While it is empty, the edit, issue,
repository and Colab buttons are not shown; the download button always is.
"""


def _choose_buttons(app, config):
    options = config.html_theme_options
    known = bool(options.get("repository_url"))
    for button in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
        options[button] = known
    if not known:
        options.pop("launch_buttons", None)


def setup(app):
    app.connect("config-inited", _choose_buttons, priority=400)
    return {"parallel_read_safe": True, "version": "1"}
