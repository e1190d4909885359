// Looks every few seconds whether something came; the form above stays as it is.
const EVERY_MS = 3000

async function look() {
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html")
    const fresh = page.querySelector("[data-letters]")
    const shown = document.querySelector("[data-letters]")
    if (fresh && shown && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(document.adoptNode(fresh))
  } catch {
    // The emulator restarts: it is asked again.
  }
}

setInterval(look, EVERY_MS)

// A plain form would say that it comes from nowhere, and the emulator takes nothing from elsewhere.
document.querySelector(".trouble")?.addEventListener("submit", async (event) => {
  event.preventDefault()
  const body = new URLSearchParams(new FormData(event.target, event.submitter))
  await fetch(event.target.action, { method: "POST", body, redirect: "manual" })
  await look()
})
