"""The test app's page."""

import gradio as gr

from trivium.service.runtime import Runtime
from trivium.service.visitor import owner_of, require


def build(runtime: Runtime) -> gr.Blocks:
    def submit(to: float, request: gr.Request) -> str:
        require(request, "toy.run")
        job = runtime.jobs.submit(app="toy", kind="count", owner=owner_of(request), request={"to": int(to)})
        return job.id

    with gr.Blocks(title="Toy") as blocks:
        gr.HTML("<h1>Toy</h1>")
        gr.Markdown("Counts to the number that you give.")
        to = gr.Number(3, label="Count to")
        job_id = gr.Textbox(label="Job", interactive=False)
        gr.Button("Count", variant="primary").click(submit, to, job_id, api_name="submit")
    return blocks
