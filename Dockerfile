# One image for every process of the platform: server, worker, migration. The build needs no secret and keeps none.
FROM python:3.13.5-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# What is needed to run, by hash; before the code, so that a change of code installs none of it again.
COPY deploy/build.lock deploy/runtime.lock deploy/
RUN python -m venv /opt/holdfast \
    && /opt/holdfast/bin/pip install --require-hashes --requirement deploy/runtime.lock \
    && python -m venv /opt/builder \
    && /opt/builder/bin/pip install --require-hashes --requirement deploy/build.lock
COPY LICENSE README.md pyproject.toml ./
COPY migrations migrations
COPY src src
RUN /opt/builder/bin/hatchling build -t wheel -d dist \
    && /opt/holdfast/bin/pip install --no-deps --no-index dist/*.whl \
    && /opt/holdfast/bin/python -m compileall -q /opt/holdfast/lib \
    && /opt/holdfast/bin/python -m pip uninstall --yes pip


FROM python:3.13.5-slim-bookworm

RUN groupadd --system --gid 10001 holdfast \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/holdfast --shell /usr/sbin/nologin holdfast \
    && install --directory --owner=holdfast --group=holdfast --mode=0750 /var/lib/holdfast
COPY --from=build /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOLDFAST_DATA_FOLDER=/var/lib/holdfast HOLDFAST_HOST=0.0.0.0 HOLDFAST_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/holdfast
VOLUME /var/lib/holdfast
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/api/v1/health', timeout=4)"]
ENTRYPOINT ["holdfast"]
CMD ["serve", "--no-worker"]
