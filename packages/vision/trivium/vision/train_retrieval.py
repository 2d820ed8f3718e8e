"""Fit the encoders of retrieval that ship: `python -m trivium.vision.train_retrieval DATA --out DIR`.

On all films of NIH, laid over the template of the classifier that ships, and texts made from their labels. Half a
minute on a CPU. `benchmarks/vision_retrieval.py` says what such encoders are worth on other patients.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.frozen import describe
from trivium.vision.report_text import report_from_labels
from trivium.vision.retrieval import Retriever

__all__: list[str] = []


def main() -> int:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    nih, classifier = read_nih(given.data / "nih"), FindingsClassifier.load()
    described = describe(classifier.net, classifier.laid_all(nih.films))
    given.out.mkdir(parents=True, exist_ok=True)
    Retriever.fit(described, [report_from_labels(one) for one in nih.labels]).save(given.out)
    print(f"{len(described)} films")
    return 0


if __name__ == "__main__":
    sys.exit(main())
