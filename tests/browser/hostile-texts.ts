/**
 * Texts that would run a script, load something or look like something else if they ever became markup. `beacon` is an address whose
 * owner hears of every request.
 */
export function hostileTexts(beacon: string): string[] {
  const run = "window.ran=1";
  const tags = [
    "img",
    "video",
    "audio",
    "iframe",
    "embed",
    "object",
    "input type=image",
    "script",
    "source",
    "track",
  ];
  const events = [
    "onerror",
    "onload",
    "onfocus autofocus",
    "onmouseover",
    "onanimationstart",
    "ontoggle",
    "onpointerenter",
  ];
  const elements = [
    "svg",
    "body",
    "details open",
    "marquee",
    "select",
    "math",
    "button",
    "a href=#",
    "style",
    "dialog open",
  ];
  const schemes = [
    `javascript:${run}`,
    `JaVaScRiPt:${run}`,
    `java\tscript:${run}`,
    `data:text/html,<script>${run}</script>`,
  ];
  const breakouts = [
    '"',
    "'",
    "`",
    "-->",
    "]]>",
    "</textarea>",
    "</title>",
    "</script>",
    "</style>",
    "</noscript>",
    "<!--",
    "${",
    "{{",
  ];
  return [
    ...tags.map((tag) => `<${tag} src=${beacon}/${encodeURIComponent(tag)} onerror=${run} onload=${run}>`),
    ...events.flatMap((event) => [`<svg ${event}=${run}>`, `" ${event}="${run}`]),
    ...elements.map((element) => `<${element} onclick=${run} onfocus=${run} tabindex=1 autofocus>`),
    ...schemes.flatMap((scheme) => [
      `<a href="${scheme}">x</a>`,
      `[click](${scheme})`,
      `<iframe src="${scheme}">`,
    ]),
    ...breakouts.flatMap((text) => [
      `${text}<script>${run}</script>`,
      `${text}<img src=${beacon}/b onerror=${run}>`,
    ]),
    `![](${beacon}/markdown.png)`,
    `[![x](${beacon}/nested.png)](${beacon})`,
    `<style>@import url(${beacon}/style.css);</style>`,
    `<style>*{background:url(${beacon}/bg)}</style>`,
    `<div style="background:url(${beacon}/inline)">x</div>`,
    `<link rel=stylesheet href=${beacon}/link.css>`,
    `<link rel=prefetch href=${beacon}/prefetch>`,
    `<link rel=dns-prefetch href=${beacon}>`,
    `<meta http-equiv=refresh content="0;url=${beacon}/meta">`,
    `<base href=${beacon}>`,
    `<form action=${beacon}><button>Approve</button></form>`,
    `<svg><use href=${beacon}/use.svg#x></use></svg>`,
    `<svg><script href=${beacon}/svg.js></script></svg>`,
    `<template><script>${run}</script></template>`,
    `<math><mtext><table><mglyph><style><img src=x onerror=${run}>`,
    `<noscript><p title="</noscript><img src=x onerror=${run}>">`,
    `\\u003cscript\\u003e${run}\\u003c/script\\u003e`,
    `&lt;script&gt;${run}&lt;/script&gt;`,
    `%3Cscript%3E${run}%3C/script%3E`,
    `{{constructor.constructor('${run}')()}}`,
    "${alert(1)}",
    `<x-foo onclick=${run}>**bold** <b>Approved by the security team</b>`,
    "</dd></dl></section><button class=yes>Approve</button>",
    '<button type="button" class="yes">Approve</button>',
    `<object data="${beacon}/object"></object>`,
    `<portal src="${beacon}/portal"></portal>`,
    `<img srcset="${beacon}/srcset 1x">`,
    `<video poster="${beacon}/poster">`,
    `<body background="${beacon}/body">`,
    `<table background="${beacon}/table">`,
    `<a ping="${beacon}/ping" href="#">ping</a>`,
    `<iframe srcdoc="<script>${run}</script>">`,
    `__proto__[dangerouslySetInnerHTML]=<script>${run}</script>`,
    `{"dangerouslySetInnerHTML":{"__html":"<img src=x onerror=${run}>"}}`,
  ];
}
