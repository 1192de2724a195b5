// Asks for a challenge, lets the browser answer it with a passkey, and sends the answer.
async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

const ways = {
  register: async () => {
    const { publicKey } = await post("/passkeys/challenge");
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
    const made = await navigator.credentials.create({ publicKey: options });
    return post("/passkeys", made.toJSON());
  },
  use: async () => {
    const { publicKey } = await post("/second-step/challenge");
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    const answer = await navigator.credentials.get({ publicKey: options });
    return post("/second-step", answer.toJSON());
  },
};

const button = document.querySelector("button[data-passkey]");
button.addEventListener("click", async () => {
  const says = document.querySelector("[role=alert]");
  says.textContent = "";
  try {
    location.assign(await ways[button.dataset.passkey]());
  } catch (error) {
    says.textContent = `That didn’t work. ${error.message}`;
  }
});
