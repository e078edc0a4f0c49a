"""What makes the book and its copies, and checks them. Run a module as `python -m tools.x.y`.

- `book`: one model of the book, its chapters, their order and the folders; everything here uses it
- `address`: where the project is published
- `sphinx`: the extensions with which Sphinx builds the pages
- `copies`: the chapters as Jupyter and Colab open them, the zip of them, the branch that holds them
- `pdf`: the book in print
- `explore`: interactive figures, which run the package's own rules as JavaScript
- `chapter`: making, executing and listing chapters
- `check`: what refuses built pages, a release, or a test run that proves nothing
- `setup`: the virtual environment, Chromium, packages of npm
"""
