"""Examine an installation: key, plan, network, database, clock and files, a line each."""

from data_nexus.app.doctor.diagnosis import Diagnosis, LineMark
from data_nexus.app.doctor.examination import Examination, Instruments, examine

__all__ = ["Diagnosis", "Examination", "Instruments", "LineMark", "examine"]
