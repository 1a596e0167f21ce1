"""The daemon's jobs: when they run, how they ran; pause and resume one, or have it run now."""

from __future__ import annotations

from aiohttp import web

from data_nexus.dashboard.site import SITE, page, redirect
from data_nexus.database.reader.jobs.jobs import (
    ask_for_run,
    list_job_runs,
    list_jobs,
    pause_job,
    resume_job,
)

_HISTORY = 50
_ACTIONS = {"pause": pause_job, "resume": resume_job, "run": ask_for_run}
_DONE = {
    "pause": "rests until it is resumed",
    "resume": "runs again when it is due",
    "run": "runs as soon as a daemon (nexus run) takes it",
}


async def jobs_page(request: web.Request) -> web.Response:
    """Show the jobs and their last runs."""
    site, asked = request.app[SITE], request.query
    overview = await site.overview.get()
    jobs = await site.read(list_jobs)
    names = {job.name for job in jobs}
    done = asked.get("did", "") if asked.get("job") in names else ""
    return page(
        request,
        "jobs.html",
        jobs=[(job, job.next_after(overview.moment)) for job in jobs],
        history=await site.read(list_job_runs, None, _HISTORY),
        note=f"{asked['job']} {_DONE[done]}." if done in _DONE else "",
    )


async def act_on_job(request: web.Request) -> web.Response:
    """Pause or resume a job, or ask for a run of it."""
    form = await request.post()
    action, name = str(form.get("action", "")), str(form.get("job", ""))
    if action not in _ACTIONS:
        raise web.HTTPBadRequest(text="an action is pause, resume or run")
    await request.app[SITE].write(_ACTIONS[action], name)
    raise redirect("/jobs", job=name, did=action)


def add_jobs(application: web.Application) -> None:
    """Add the page and its actions."""
    application.router.add_get("/jobs", jobs_page)
    application.router.add_post("/jobs", act_on_job)
