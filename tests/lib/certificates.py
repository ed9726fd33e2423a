"""Certificates for tests, good and bad, made by the openssl program."""
import subprocess


def openssl(*args, **how):
    subprocess.run(["openssl", *[str(a) for a in args]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **how)


class Authority:
    """A CA in a folder, with certificates for whoever asks."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key, self.cert = folder / f"{name}.key", folder / f"{name}.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                "-out", self.cert, "-days", "2", "-subj", f"/CN={name}")

    def issue(self, name, subject=None, days=1, passphrase=None, names="DNS:localhost,IP:127.0.0.1"):
        key, cert, request = (self.folder / f"{self.name}-{name}.{x}" for x in ("key", "crt", "csr"))
        secret = ["-passout", f"pass:{passphrase}"] if passphrase else ["-nodes"]
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *secret, "-keyout", key, "-out", request,
                "-subj", subject or f"/CN={name}")
        extra = self.folder / "san.txt"
        extra.write_text(f"subjectAltName={names}\n")
        if days < 0:
            (self.folder / "index.txt").write_text("")
            config = self.folder / "ca.cnf"
            config.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
                              "rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
            openssl("ca", "-batch", "-config", config, "-cert", self.cert, "-keyfile", self.key, "-in", request, "-out", cert,
                    "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-extfile", extra, "-notext")
        else:
            openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-out", cert,
                    "-days", days, "-extfile", extra)
        return key, cert
