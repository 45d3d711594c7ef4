"""The page's own client: ES modules without a build step, and how they are served."""
