"""The use cases of annotating with their parts at hand, as several tests need them."""

from dataclasses import dataclass

from octtutor.core.annotation.annotation import Project
from octtutor.datasets.images import ImageFolder
from octtutor.store.contract import Store
from octtutor.tutor.annotation.annotating import Annotating
from octtutor.tutor.annotation.journal import Journal
from octtutor.tutor.annotation.projects import Projects
from octtutor.tutor.annotation.reading import Annotators
from octtutor.tutor.annotation.settling import Settling
from tests.conftest import Clock
from tests.fakes import ToldShelf


@dataclass(frozen=True)
class Room:
    """The use cases of annotating, with the parts that they were given."""

    store: Store
    images: ImageFolder
    shelf: ToldShelf
    clock: Clock
    do: Annotating

    @property
    def projects(self) -> Projects:
        return self.do.projects

    @property
    def annotators(self) -> Annotators:
        return self.do.annotators

    @property
    def settling(self) -> Settling:
        return self.do.settling

    @property
    def journal(self) -> Journal:
        return Journal(self.store, self.images, self.clock)

    def get_project(self, name: str) -> Project:
        return next(one for one in self.store.projects() if one.name == name)
