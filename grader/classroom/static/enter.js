// The token stands behind the "#" of the link, which a browser sends to nobody. It goes into the form and out of the address.
const token = decodeURIComponent(location.hash.slice(1));
if (token) {
  history.replaceState(null, "", location.pathname);
  const form = document.querySelector("form");
  form.elements.token.value = token;
  form.submit();
}
