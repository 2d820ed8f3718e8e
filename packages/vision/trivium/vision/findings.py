"""The names of the findings, in the order in which every array of scores holds them. Standard library only.

The 14 labels of ChestX-ray14 (Wang et al., CVPR 2017) behind `No Finding`, spelled as in its table. In that table
`No Finding` means that the report named none of the 14; it does not mean a healthy chest.
"""

from __future__ import annotations

__all__ = ["FINDINGS", "NO_FINDING", "PATHOLOGIES"]

NO_FINDING = "No Finding"
PATHOLOGIES = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
FINDINGS = (NO_FINDING, *PATHOLOGIES)
