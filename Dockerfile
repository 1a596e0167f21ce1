# The image of `nexus`: pinned packages only, and a user that owns nothing but its own data.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements-dev.txt .
# The build backend alone, with its hashes.
RUN sed -n '/^flit-core==/,/[^\\]$/p' requirements-dev.txt > backend.txt \
    && pip install --no-cache-dir --require-hashes --requirement backend.txt
COPY pyproject.toml README.md ./
COPY src src
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.13-slim
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.txt
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-deps --no-index /wheels/*.whl && rm -r /wheels

RUN useradd --create-home --uid 1000 nexus && install -d -o nexus -g nexus /var/lib/nexus
USER nexus
WORKDIR /var/lib/nexus
ENV NEXUS_HOME=/var/lib/nexus PYTHONUNBUFFERED=1
ENTRYPOINT ["nexus"]
CMD ["status"]
