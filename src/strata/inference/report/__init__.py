"""How a plan and a run are shown: rows, sentences, markdown, and the picture of the layers."""
