"""Networks learn: plan, recipes, loop, checkpoint, augmentation, feature cache, devices."""
