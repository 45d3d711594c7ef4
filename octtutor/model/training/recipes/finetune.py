"""Recipe `finetune`: the whole network, from good weights (see `training.finetune_training`)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.model.training.augment import Augmentation
from octtutor.model.training.recipes.recipe import (
    DECLARED,
    Count,
    Rate,
    Recipe,
    Share,
    TrainingInput,
)

if TYPE_CHECKING:
    from octtutor.core.scheme import Scheme
    from octtutor.model.network.pretrained import BackboneSource
    from octtutor.model.training.beginning import Beginning
    from octtutor.model.training.loop import TrainingOutcome


@dataclass(frozen=True, config=DECLARED)
class Finetune(Recipe):
    """The recipe's settings."""

    name: ClassVar[str] = "finetune"
    title: ClassVar[str] = "Fine-tune: the whole network learns. The best model; minutes to hours."
    on_several_hosts: ClassVar[bool] = True
    on_outliers: ClassVar[bool] = True

    epochs: Count = 12
    """Passes over the scans."""
    peak_rate: Rate = 2e-3
    """The highest learning rate of the cycle."""
    weight_decay: Share = 0.02
    """AdamW's weight decay."""
    label_smoothing: Share = 0.05
    """How much of a label is shared out over the classes."""
    warm_up: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the steps in which the rate rises."""
    frozen: Share = 0.15
    """Share of the backbone's layers, from the scan's side, that stay as they are."""
    depth_rate: Rate = 1.0
    """The deepest layer's rate, as a share of the head's; geometric in between."""
    probe: Annotated[int, Field(ge=0)] = 0
    """Passes of the head alone before the network is unfrozen."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Parameter of mixup's Beta distribution (Zhang et al., ICLR 2018); 0 mixes nothing."""
    cutmix: Share = 0.0
    """Share of the batches in which a box comes from another scan (Yun et al., ICCV 2019)."""
    balance: Share = 0.0
    """How evenly an epoch draws from each source's classes: 0 as they come, 1 all alike."""
    class_weights: bool = True
    """Whether a class counts the same however many scans it has."""
    choose: Literal["last", "weighted_error", "accuracy", "loss"] = "last"
    """Keep the last epoch, or the best one by this validation measure."""
    patience: Annotated[int | None, Field(ge=1)] = None
    """Epochs without a lower weighted error before the run ends."""
    augmentation: Augmentation = Augmentation()

    @property
    def keeps_last(self) -> bool:
        """Whether the last epoch is kept."""
        return self.choose == "last"

    def shortened(self) -> Self:
        """Return the recipe for a trial of one epoch, without the head's own passes."""
        return replace(self, epochs=1, probe=0)

    def begin(self, source: "BackboneSource", scheme: "Scheme" = OCT2017_SCHEME) -> "Beginning":
        """Go on with the whole of a model that is given; else give a backbone a new head."""
        from octtutor.model.network.network import GAP_DENSE
        from octtutor.model.training.beginning import begin_with_head, begin_with_model

        if source.model is None:
            return begin_with_head(source, GAP_DENSE, self.seed, True, scheme)
        return begin_with_model(source, self.seed, True, scheme)

    def fit(self, given: TrainingInput) -> "TrainingOutcome":
        """Train on all devices of all hosts (see `Recipe.fit`)."""
        from octtutor.model.training.devices import on_all_devices
        from octtutor.model.training.finetune_training import finetune

        feed = given.beginning.how.to_input
        return on_all_devices(
            given.beginning.network,
            lambda spread: finetune(
                spread, given.train, self, given.val, given.watch, feed, given.outliers
            ),
        )
