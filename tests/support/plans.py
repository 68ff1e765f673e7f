"""Forecasts of a plan."""

from hypothesis import strategies as st

from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.predict import predict

LABELS = st.sampled_from(["LOCAL", "DELAY", "ERROR"])
CATALOGUE = FlagCatalogue()


def forecast(plan, label, codes):
    return predict(plan, label, codes, info_in(CATALOGUE))
