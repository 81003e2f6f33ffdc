"""Prints Rich and Textual markup, HTML and scripts."""
# exercise: attention/scaled_dot_product
# status: error
# says: [/not-open]


def sdpa(Q, K, V, mask=None):
    print("[bold green]PASSED[/bold green] [/] [@click=app.quit]x[/] [link=https://example.org]y[/link] [red")
    print("<script>alert(1)</script><img src=x onerror=alert(1)> {{ 7 * 7 }} ${7*7}")
    raise ValueError("[/not-open] [bold] </td></tr><script>alert(1)</script>")
