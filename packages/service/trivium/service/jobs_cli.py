"""`trivium jobs`: list, look at, cancel, retry, replay and purge the jobs of a deployment, as its operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trivium.service.errors import InputError
from trivium.service.terminal import list_lines, opened_runtime, say

if TYPE_CHECKING:
    from sqlalchemy import Row

    from trivium.service.job import Job

__all__ = ["app"]

app = typer.Typer(name="jobs", help="The jobs of all apps.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="Id of the job.")]


@app.command("list")
def list_jobs(
    app_name: Annotated[str, typer.Option("--app", help="Only this app's.")] = "",
    state: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many, newest first.")] = 50,
) -> None:
    """List jobs, newest first.

    Example: trivium jobs list --state failed
    """
    from trivium.service.job import JobState

    if state and state not in set(JobState):
        raise InputError(f"{state!r} is no state of a job", where="--state", hint=f"use {', '.join(JobState)}")
    with opened_runtime() as runtime:
        found = runtime.jobs.recent(app=app_name, state=JobState(state) if state else None, limit=limit)
        list_lines(map(_line, found), none="There is no such job.")


@app.command()
def show(job_id: _Id) -> None:
    """Show a job with its history.

    Example: trivium jobs show 0123456789abcdef
    """
    from trivium.service.pages import remaining_text

    with opened_runtime() as runtime:
        job = runtime.jobs.get(job_id)
        typer.echo(_line(job))
        remaining = remaining_text(job, runtime.jobs.estimate(job), "en")
        where = f"{job.stage or 'before the first stage'}, {job.progress:.0%}" if not job.state.is_final else ""
        facts = {
            "owner": job.owner,
            "attempts": f"{job.attempts} of {runtime.jobs.policy.max_attempts}",
            "stage": f"{where}, {remaining}".strip(", "),
            "replays": job.origin,
            "error": f"{job.error} (reference {job.error_reference})" if job.error else "",
            "files": ", ".join(file.name for file in job.files),
        }
        for name, value in facts.items():
            if value:
                typer.echo(f"  {name:9} {value}")
        for event in runtime.jobs.events(job.id):
            words = (f"{event.at:%Y-%m-%d %H:%M:%S}", event.what, event.stage, event.worker, event.detail)
            typer.echo("  " + "  ".join(word for word in words if word))


@app.command()
def cancel(job_id: _Id) -> None:
    """Stop a job: at once when it waits, at its next sign of progress when it runs.

    Example: trivium jobs cancel 0123456789abcdef
    """
    from trivium.service.job import JobState

    with opened_runtime() as runtime:
        job = runtime.jobs.cancel(job_id)
        typer.echo(_line(job) + ("  asked to stop" if job.cancel_requested and not job.state.is_final else ""))
    if job.state.is_final and job.state != JobState.CANCELLED:
        say("It had ended; nothing was stopped.")


@app.command()
def retry(job_id: _Id) -> None:
    """Have a job that failed, was cancelled or was set aside tried again.

    Example: trivium jobs retry 0123456789abcdef
    """
    with opened_runtime() as runtime:
        typer.echo(_line(runtime.jobs.retry(job_id)))


@app.command()
def replay(job_id: _Id) -> None:
    """Do a job's work anew, with the same files, as a new job of the same owner.

    Example: trivium jobs replay 0123456789abcdef
    """
    with opened_runtime() as runtime:
        typer.echo(_line(runtime.jobs.replay(job_id)))


@app.command()
def purge(
    days: Annotated[int | None, typer.Option(min=1, help="Instead of TRIVIUM_JOB_RETENTION_DAYS.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove jobs that ended long ago, with the files that nothing else needs.

    Example: trivium jobs purge --dry-run --days 365
    """
    from trivium.service import retention
    from trivium.service.security_log import OPERATOR

    with opened_runtime() as runtime:
        kept = days or runtime.settings.job_retention_days
        if not kept:
            hint = "set it, or give --days"
            raise InputError("jobs are kept for ever", where="TRIVIUM_JOB_RETENTION_DAYS", hint=hint)
        done = retention.purge(runtime, days=kept, actor=OPERATOR, is_dry_run=dry_run)
    verb = "Would remove" if dry_run else "Removed"
    age = "1 day" if kept == 1 else f"{kept} days"
    typer.echo(f"{verb} {done.jobs} jobs that ended over {age} ago: {done.blobs} files, {done.bytes:,} bytes.")


@app.command()
def hold(
    subject: Annotated[str, typer.Argument(help="Id of a job; with --scope, the name of an account or an app.")],
    reason: Annotated[str, typer.Option(help="Which case or letter asks for it.")],
    scope: Annotated[str, typer.Option(help="job, owner or app.")] = "job",
) -> None:
    """Keep jobs from being purged, those to come included, until the hold is released.

    Example: trivium jobs hold finance --scope app --reason "letter of 3 May, case 26-114"
    """
    from trivium.service import holds
    from trivium.service.security_log import OPERATOR

    with opened_runtime() as runtime:
        hold_id, num_jobs = holds.place(runtime, scope, subject, reason=reason, actor=OPERATOR)
    typer.echo(
        f"Hold {hold_id} on {scope} {subject}: {num_jobs} jobs so far. It ends with: trivium jobs release {hold_id}"
    )


@app.command()
def release(hold_id: Annotated[str, typer.Argument(help="Id of the hold.")]) -> None:
    """End a hold; retention then counts again.

    Example: trivium jobs release 1f2e3d4c
    """
    from trivium.service import holds
    from trivium.service.security_log import OPERATOR

    with opened_runtime() as runtime:
        holds.release(runtime, hold_id, actor=OPERATOR)
    typer.echo(f"Released hold {hold_id}.")


@app.command("holds")
def list_holds() -> None:
    """List the holds that are in force.

    Example: trivium jobs holds
    """
    from trivium.service import holds

    with opened_runtime() as runtime:
        list_lines(map(_hold_line, holds.active(runtime)), none="No hold is in force.")


def _line(job: Job) -> str:
    return f"{job.id}  {job.created_at:%Y-%m-%d %H:%M}  {job.app}.{job.kind}  {job.state:11}  {job.title}"


def _hold_line(hold: Row[Any]) -> str:
    placed = f"{hold.placed_at:%Y-%m-%d} by {hold.placed_by}"
    return f"{hold.id}  {hold.scope} {hold.name or hold.subject}  {hold.num_jobs} jobs  {placed}  {hold.reason}"
