"""How the finance app presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec, Queue

SPEC = AppSpec(
    name="finance",
    help="Key metrics and comparison reports from company filings, every number traced to its source.",
    package="trivium.finance",
    extra="finance",
    needs=("gradio", "lxml", "xlsxwriter", "docx", "reportlab", "python_calamine"),
    roles={"analyst": ("finance.read", "finance.run")},
    permissions=("finance.read", "finance.run"),
    queues=(Queue("finance", worker="light"),),
    cli="trivium.finance.cli:app",
    ui="trivium.finance.ui:build",
    tasks="trivium.finance.tasks",
    tables="trivium.finance.tables",
    migrations="trivium.finance:migrations",
    samples="trivium.finance.samples:write_samples",
    seed="trivium.finance.seed:seed",
)
