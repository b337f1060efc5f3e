"""A training run from top to bottom: open the data, start TensorFlow, build the network, plan the stages, fit them in
order, keep the best epoch, record. The called modules hold the details.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.data.open_data import gather, open_images
from catsdogs_exp.record.folder.result import config_hash
from catsdogs_exp.run.begin import begin_run
from catsdogs_exp.run.job import Job, Screen, describe
from catsdogs_exp.run.loaders import open_loaders
from catsdogs_exp.run.plan import plan_stages
from catsdogs_exp.training.runtime import start_distributed
from catsdogs_exp.training.stages import begin_progress, next_stage


def train(job: Job, screen: Screen) -> dict[str, Any]:  # noqa: PLR0915  (imports that wait for TensorFlow count)
    """Trains a job; its folder holds all results.

    Returns:
        The content of `result.json`.

    Raises:
        BadInput, RunFailed, Interrupted: also recorded in `result.json` and `run.log`.
    """
    config = job.config
    with begin_run(job, screen) as run:  # however it ends, its folder records it
        run.say(f"{describe(config)} -> {job.folder}")
        for line in job.idle_words():
            run.say(line)

        # Open the data: which image is in which split, then the pixels.
        manifest = gather(config, run.screen.progress)
        run.record_data(manifest)
        data = open_images(manifest, config, run.screen.progress, run.say)

        # Start TensorFlow: quiet, seeded, on one device or several. From here on, modules that need it can be imported.
        distribution = start_distributed(config, job.verbose, job.cluster)
        if distribution.strategy is not None:
            run.say(distribution.describe())

        from catsdogs_exp.record.listeners.best_model import state_of
        from catsdogs_exp.run.auto_epochs import settle_epochs
        from catsdogs_exp.run.auto_rate import settle_rate
        from catsdogs_exp.run.best_passes import evaluate_best
        from catsdogs_exp.run.insides import evidence_of
        from catsdogs_exp.run.network import Setup, build_network
        from catsdogs_exp.run.recorders import open_recorders
        from catsdogs_exp.run.stage import check_plans, prepare_stage
        from catsdogs_exp.training.checkpoint.writer import restore
        from catsdogs_exp.training.fit import fit
        from catsdogs_exp.training.precision import threads
        from catsdogs_exp.training.profiling import profile

        with distribution.together():  # several processes depend on each other until they part
            steps_done = int(job.snapshot.path.stem) if job.snapshot else 0
            distribution.agree({"config": config_hash(config), "data": manifest.data_hash(), "checkpoint": steps_done})

            # Build the network, and its input.
            loaders = open_loaders(config, data, run.say, distribution.shard)
            network = build_network(config, data, loaders, run.say, distribution)
            if job.kept is not None:
                network = job.kept.network_for(config, network)
            setup = Setup(config, data, loaders, network)
            run.result.update(parameters=network.model.count_params(), threads=threads())

            # Plan the stages: the epochs of the run, then those of fine-tuning. `auto` becomes a number first.
            if config.epochs == AUTO:
                config = settle_epochs(setup, run)
                setup = replace(setup, config=config)
            if config.optimizer.learning_rate == AUTO:
                config = settle_rate(setup, run)
                setup = replace(setup, config=config)
            plans = plan_stages(config)
            check_plans(plans, network.model)

            # Begin, or continue from a snapshot, which is refused, if it does not fit, before any file has changed.
            progress = begin_progress(plans, config.training, job.snapshot)
            history, stage = progress.history, None
            if job.snapshot and not progress.stopped and (plan := next_stage(plans, history, config.training)):
                stage = prepare_stage(setup, plan, len(history.before_stage(plan.number)), run.screen, job.snapshot)
                restore(job.snapshot, stage)
            run.prepare_report(manifest)
            with open_recorders(job, setup, plans, progress, run) as recorders:
                # Fit stage after stage. After each epoch the listeners save the best network and record the rest.
                while not progress.stopped and (plan := next_stage(plans, history, config.training)):
                    if stage is None or stage.plan.number != plan.number:
                        stage = prepare_stage(setup, plan, len(history.before_stage(plan.number)), run.screen)
                    ended = fit(stage, config.training, progress, recorders.listeners, recorders.checkpoints)
                    if ended:
                        run.say(f"stage {plan.number} of {len(plans)} ends after epoch {len(history.epochs)}: {ended}")
                distribution.part()
                if progress.stopped:
                    run.say(f"stopped after epoch {len(history.epochs)}: {progress.stopped}")
                    run.result.update(stopped=progress.stopped)
                if recorders.profile and stage is not None and distribution.cluster is None:
                    run.say(profile(stage, history))

                # Record the best: restore its weights, draw the probes and evaluate the test images for the first time.
                if distribution.is_chief:
                    recorders.bring_back_best(history.best, run.say)
                    found = evaluate_best(setup, recorders.predictions)
                    recorders.append_to_best(setup, stage, run.say)
                    run.explain = partial(evidence_of, recorders.insides, data) if recorders.insides else None
                    run.result.update(metrics=run.result.content["metrics"] | found)
                else:
                    run.result.update(**state_of(history))
    return run.result.content
