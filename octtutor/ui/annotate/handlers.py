"""What the events of the tab Annotate do, by step. Values in, values out; knows no component."""

from pathlib import Path

from octtutor.store.contract import Store
from octtutor.tutor.annotation.annotating import Annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.ports import Clock, Images
from octtutor.ui.annotate.log_handlers import LogHandlers
from octtutor.ui.annotate.project_handlers import ProjectHandlers
from octtutor.ui.annotate.reading_handlers import ReadingHandlers
from octtutor.ui.annotate.settling_handlers import SettlingHandlers
from octtutor.ui.annotate.use_handlers import UseHandlers


class AnnotateHandlers:
    """The tab's use cases, for an annotator who is known to be an educator."""

    def __init__(
        self,
        annotating: Annotating,
        publisher: DeckPublisher,
        store: Store,
        images: Images,
        clock: Clock,
        uploads: Path,
    ) -> None:
        """Take the use cases, the records, the scans, a clock, and the folder of uploads."""
        self.projects = ProjectHandlers(annotating.projects, store)
        self.reading = ReadingHandlers(annotating, store, images)
        self.settling = SettlingHandlers(annotating.settling, store, images, annotating.schemes)
        self.log = LogHandlers(annotating, store, images)
        self.use = UseHandlers(annotating, publisher, store, images, clock, uploads)
