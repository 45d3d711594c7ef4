"""The page. The only package that imports Gradio; handlers are plain functions."""
