"""The directive ``examples``: thumbnails of examples, which a caption of the sidebar has too."""

from sphinx.util.docutils import SphinxDirective


class Examples(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self):
        names = [name for name in self.content if name]
        tree = [".. toctree::", ":hidden:", f":caption: {self.arguments[0]}", "", *names]
        thumbnails = [".. minigallery::", *(f"examples/{name}.py" for name in names)]
        lines = ["\n   ".join(tree), "", "\n   ".join(thumbnails)]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app):
    app.add_directive("examples", Examples)
    return {"parallel_read_safe": True}
