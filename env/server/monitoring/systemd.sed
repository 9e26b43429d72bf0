# Makes the files of this folder, which have the names of Compose, those of one machine.
s/"mlflow-1:5000", "mlflow-2:5000"/"127.0.0.1:5000", "127.0.0.1:5001"/
s/[a-z]*-exporter:/127.0.0.1:/
s,https://proxy/,https://127.0.0.1/,
s/listen 8080;/listen 127.0.0.1:8080;/
