# Airflow with exactly the packages of requirements.txt, on the official image that brings no others.
FROM apache/airflow:slim-3.3.2-python3.12
COPY --chown=airflow:0 requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r /tmp/requirements.txt && rm /tmp/requirements.txt
WORKDIR /opt/airflow
COPY --chown=root:0 --chmod=a+rX config config
COPY --chown=root:0 --chmod=a+rX dags dags
COPY --chown=root:0 --chmod=a+rX plugins plugins
COPY --chown=root:0 --chmod=a+rX include include
COPY --chown=root:0 --chmod=a+rX schemas schemas
COPY --chown=root:0 --chmod=a+rX deploy/init.py deploy/init.py
RUN mkdir -p /opt/airflow/logs /opt/airflow/auth
ENV PYTHONPATH=/opt/airflow/include \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
USER 50000:0
