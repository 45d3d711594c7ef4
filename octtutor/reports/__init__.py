"""Reports as HTML, SVG, CSV and iMRMC files, from values. Needs no Gradio."""
