# One image. Its command decides the role: `prevue backend` (the default), `prevue dashboard`, `prevue db upgrade` ...
#   docker build . -t backend
#   docker run -p 8080:8080 backend:latest
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 \
    PREVUE_DATA_DIR=/data PREVUE_HOST=0.0.0.0 PREVUE_DASHBOARD_HOST=0.0.0.0 PREVUE_AUTH=auth

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Without pip: where the image runs nothing is installed.
RUN python -m venv --without-pip /opt/venv && install --directory --mode=700 --owner=10001 --group=10001 /data
WORKDIR /app
COPY requirements.txt ./
RUN pip --python /opt/venv/bin/python install --require-hashes -r requirements.txt
COPY --chown=10001:10001 pyproject.toml README.md ./
COPY --chown=10001:10001 prevue prevue
COPY --chown=10001:10001 prevue_core prevue_core
COPY --chown=10001:10001 frontend_bokeh frontend_bokeh
COPY --chown=10001:10001 plugins plugins
# The plugins without their frameworks, which only trainings need. What builds wheels is locked too, and goes again.
RUN pip --python /opt/venv/bin/python install --no-deps --no-build-isolation . ./plugins/* \
 && pip --python /opt/venv/bin/python uninstall --yes hatchling pathspec tomlkit trove-classifiers

# What `tilt up` runs: the sources in /app go before the installed ones, and a change of one restarts the command.
FROM build AS dev
RUN pip --python /opt/venv/bin/python install watchfiles==1.3.0
ENV PYTHONPATH=/app:/app/plugins/prevue-keras:/app/plugins/prevue-sklearn:/app/plugins/prevue-torch
USER 10001:10001

FROM base
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=10001:10001 /data /data
# A number, so that Kubernetes sees that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8080 5006
STOPSIGNAL SIGTERM
# One of the two answers, whichever command runs. Kubernetes asks by itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["sh", "-c", "\
    ask() { python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:$1/healthz', timeout=2)\"; }; \
    ask \"${PREVUE_PORT:-8080}\" 2>/dev/null || ask \"${PREVUE_DASHBOARD_PORT:-5006}\""]
CMD ["prevue", "backend"]
