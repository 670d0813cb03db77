//! What ordinary answers look like: how often four bytes follow one another in them.
//!
//! Only the speed of the compiled engine rests on it: of each phrase that rules look for in the body of an answer those windows are looked
//! up that are rare here.

use std::{collections::HashMap, sync::LazyLock};

use super::profile::ORDINARY as VALUES;

/// Pages, records and messages as web servers and services send them, a bit of each kind.
const ORDINARY: &[&str] = &[
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
     initial-scale=1\">\n<title>Your account | Northwind Supplies</title>\n<link rel=\"stylesheet\" href=\"/static/css/main.8f3a2b.css\">\n\
     <link rel=\"icon\" type=\"image/png\" href=\"/favicon-32x32.png\">\n<script src=\"/static/js/app.4c1d.js\" defer></script>\n</head>\n<body \
     class=\"page\">\n<header id=\"top\">\n  <nav class=\"navigation\">\n    <ul>\n      <li><a href=\"/\">Home</a></li>\n      <li><a \
     href=\"/products/\" class=\"active\">Products</a></li>\n      <li><a href=\"/about-us\" title=\"Who we are\">About us</a></li>\n    </ul>\n  \
     </nav>\n</header>\n<main class=\"container\">\n  <h1>Welcome back</h1>\n  <p>Here you find all that has been ordered since you last \
     visited. If something is not as you expected, please let us know and we will help you within two working days.</p>\n",
    "<div class=\"row\">\n  <div class=\"col-md-6\">\n    <h2>Delivery and returns</h2>\n    <p>We ship to most countries in Europe. \
     The price of delivery depends on the weight of the parcel and on where it is sent. You can return what you do not want within thirty \
     days; after that time we cannot take it back, unless there is a fault with the product. <strong>Please read this first.</strong></p>\n    \
     <img src=\"/images/products/red-shoe.jpg\" alt=\"A red shoe\" width=\"640\" height=\"480\">\n    <span class=\"price\">&pound;59.90</span>\n  \
     </div>\n</div>\n<footer>\n<p>&copy; 2025 Northwind Supplies Limited. All rights reserved. <a href=\"https://www.example.com/terms\" \
     target=\"_blank\" rel=\"noopener\">Terms and conditions</a> and <a href=\"/privacy\">privacy policy</a></p>\n</footer>\n</body>\n</html>\n",
    "<form action=\"/login\" method=\"post\" id=\"login-form\">\n<input type=\"hidden\" name=\"csrf_token\" value=\"9f86d081884c7d65\">\n<label \
     for=\"email\">Email address</label>\n<input type=\"text\" name=\"email\" id=\"email\" placeholder=\"you@example.com\" required>\n<label \
     for=\"password\">Password</label>\n<input type=\"password\" name=\"password\">\n<button type=\"submit\" class=\"btn btn-primary\">Sign \
     in</button>\n</form>\n<table class=\"table\">\n<thead><tr><th>Date</th><th>Description</th><th>Amount</th></tr></thead>\n<tbody>\n<tr><td>\
     2025-06-01</td><td>Invoice INV-2025-00417</td><td>1,249.50</td></tr>\n</tbody>\n</table>\n",
    "{\"id\":4711,\"status\":\"active\",\"name\":\"Red shoe\",\"description\":\"A shoe that is red, and very comfortable.\",\"price\":59.9,\
     \"currency\":\"EUR\",\"tags\":[\"new\",\"sale\"],\"createdAt\":\"2025-06-01T09:30:00Z\",\"updatedAt\":\"2025-06-14T10:02:11.532Z\",\"owner\":null,\
     \"links\":{\"self\":\"https://api.example.com/v1/products/4711\",\"next\":null}}",
    "{\n  \"data\": [\n    {\n      \"type\": \"invoice\",\n      \"invoiceNumber\": \"INV-2025-00417\",\n      \"companyName\": \"Bluebird \
     Trading Ltd\",\n      \"lineItems\": [\n        { \"description\": \"quarterly travel refund\", \"quantity\": 1, \"unitAmount\": 19.99, \
     \"taxRateRef\": { \"id\": \"T4\" } }\n      ],\n      \"totalAmount\": 19.99,\n      \"isActive\": true,\n      \"customer\": { \"firstName\": \
     \"Grace\", \"lastName\": \"Hopper\", \"address\": { \"city\": \"London\", \"postalCode\": \"SW1A 1AA\", \"country\": \"GB\" } }\n    }\n  ],\n  \
     \"page\": 1,\n  \"pageSize\": 50,\n  \"total\": 1284,\n  \"hasMore\": true\n}\n",
    "{\"message\":\"The request could not be processed because the field 'dueDate' is missing.\",\"code\":\"validation_failed\",\
     \"errors\":[{\"field\":\"dueDate\",\"message\":\"must not be empty\"}],\"requestId\":\"3f2a9c17-d0b8-4e5c-9a41-77c1d2e3f4a5\"}",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>\n  <order id=\"4821\" status=\"shipped\">\n    <customer>CUST-3257</customer>\n    \
     <item quantity=\"2\">Running shoes</item>\n    <total currency=\"EUR\">119.80</total>\n  </order>\n</response>\n",
    ".container{max-width:1200px;margin:0 auto;padding:0 16px}.btn{display:inline-block;border:1px solid #ccc;border-radius:4px;\
     background-color:#fff;color:#333;font-size:14px;line-height:1.5;text-decoration:none}@media (max-width:768px){.navigation{display:none}}\n",
    "(function(){\"use strict\";var element=document.getElementById(\"top\");function update(event){if(event.target.value===\"\"){return false}\
     window.location.href=\"/search?q=\"+encodeURIComponent(event.target.value)}element.addEventListener(\"click\",update,false);\
     const options={method:\"GET\",headers:{\"Content-Type\":\"application/json\"}};fetch(\"/api/v1/items\",options).then(response=>response.json())\
     .then(data=>{console.log(data.length);for(let i=0;i<data.length;i++){this.items.push(data[i])}}).catch(error=>{console.error(error)})})();\n",
    "I have been a customer since 2019 and I'm very happy with the service, but this time the parcel was late. When it came, one of \
     the boxes had been opened. Could you tell me what happened, and whether there is anything that I should do now? I would like to have the \
     rest of the order before the end of the month; otherwise I shall have to look for it somewhere else. Thank you for your help!\n",
    "In this chapter we show how the parts of the system work together. The first thing to know is that nothing is stored on the \
     server: every message carries all the information that is needed to answer it. This makes it possible to add more machines when there \
     is more work, and to take them away again. Another advantage is that you can see, at any time, which version is running where. For more \
     details, see the documentation of the library, or ask the people who use it every day.\n",
    "/* list of orders */\nbody{font-family:Arial,Helvetica,sans-serif;overflow:hidden}\n.left{float:left;text-align:center}\n.title{font-weight:bold;\
     position:absolute;left:0;right:auto;top:50%;height:100%;transition:opacity .2s ease-in-out;box-shadow:0 1px 2px rgba(0,0,0,.2)}\n\
     .icon:before{content:\"\";background:url(../images/sprite.png) no-repeat;flex:1 1 auto;justify-content:space-between;cursor:pointer}\n",
    "\"use strict\";\nconst path = require(\"path\");\nvar Buffer = require(\"buffer\").Buffer;\n\nfunction createObject(prototype, value) {\n  if (typeof value \
     !== \"object\" || value === null) {\n    throw new TypeError(\"The value must be an object or a string\");\n  }\n  return Object.create(prototype, \
     value);\n}\n\nmodule.exports = { createObject };\nexport default class Loader extends Base {\n  constructor(options = {}) {\n    super(options);\n    \
     this.attributes = Object.assign({}, options.attributes);\n    this.files = new Map();\n  }\n\n  // Returns all files that were not loaded before.\n  \
     async load(file, callback) {\n    try {\n      const result = await this.read(file, { encoding: \"utf8\", flag: undefined });\n      return \
     callback(null, result.toString());\n    } catch (error) {\n      return callback(error);\n    }\n  }\n}\n",
    "!function(e,t){\"object\"==typeof exports&&\"undefined\"!=typeof module?module.exports=t():e.app=t()}(this,(function(){var e=Array.prototype.slice,\
     n=Object.defineProperty;function r(e,t,n){return t in e?n(e,t,{value:1,enumerable:!0,configurable:!0,writable:!0}):e[t]=n,e}for(var o=0,i=arguments.length;\
     o<i;o++)switch(typeof t){case\"string\":break;default:continue}return new Promise((function(e,t){setTimeout(e,100)}))}));\n",
    "<p>This page is part of the manual for developers. If a file cannot be found, the loader rejects it and an error is written to the log. \
     All types of objects are described in the <a class=\"reference\" href=\"../library/index.html\">reference</a>; only the fields that are valid \
     for a given type may be set, and strings are limited to 255 characters by default.</p>\n<pre><code class=\"language-python\">import os\n\nfor name in \
     os.listdir(directory):\n    print(name, os.stat(name).st_size)\n</code></pre>\n<ul>\n<li>Added: support for more than one thread.</li>\n<li>Fixed: \
     files that don't exist are skipped, and the buffer is flushed when the stream is closed.</li>\n</ul>\n",
    "We use cookies so that the site works and so that we know how it is used. You may change your choice at any time. Some of our partners \
     keep data of their own; what they do with it is described on their pages, and not under our control. Nothing you write in a message is \
     read by anybody else, and none of it is kept longer than needed. If you would rather not be asked again, choose the second button. Orders \
     that were placed on a weekend or a public holiday are sent on the next day. Each of them can be followed on the map until it is there. For \
     questions about an invoice have its number ready, please; our team is happy to take your call between eight and six.\n",
    "<p>The meeting was held on Monday, and the minutes will be sent out shortly. Everyone who could not come may look at the slides, which \
     are worth an hour of your time. Three points were left open: who pays for the new office, what is done about the heating, and when the \
     move takes place. A second date was not found yet. Well over half of the members have said that they can do it early in May; would all \
     the others let me know? Most things went as planned, though some of the work had to be done again. Good news is that prices fell.</p>\n",
];

/// Weight of what shorter windows let expect beside what was counted.
const EXPECTED: f64 = 0.3;

/// How often windows of four bytes occur.
pub(super) struct Pages {
    /// Occurrences of three bytes.
    threes: HashMap<[u8; 3], f64>,
    /// Of two, with what is to be expected beside them.
    twos: Vec<f64>,
    /// Of one. What does not occur here is rare, not impossible.
    ones: [f64; 256],
    /// Bytes of all of it.
    bytes: f64,
}

impl Pages {
    pub(super) fn ordinary() -> &'static Self {
        static PAGES: LazyLock<Pages> = LazyLock::new(Pages::new);
        &PAGES
    }

    fn new() -> Self {
        let mut pages =
            Self { threes: HashMap::new(), twos: vec![0.0; 1 << 16], ones: [1.0; 256], bytes: 0.0 };
        // Answers hold much of what requests hold, only more of it.
        for text in ORDINARY.iter().chain(VALUES).chain(VALUES) {
            let text: Vec<u8> = text.bytes().map(folded).collect();
            text.iter().for_each(|one| pages.ones[usize::from(*one)] += 1.0);
            text.array_windows().for_each(|[one, two]| pages.twos[place(*one, *two)] += 1.0);
            text.array_windows().for_each(|three| *pages.threes.entry(*three).or_default() += 1.0);
            pages.bytes += text.len() as f64;
        }
        for (one, of_one) in (0..=u8::MAX).zip(pages.ones) {
            for (two, of_two) in (0..=u8::MAX).zip(pages.ones) {
                pages.twos[place(one, two)] += EXPECTED * of_one * of_two / pages.bytes;
            }
        }
        pages
    }

    /// Of all places in ordinary pages, the share at which one of the windows of four bytes of a text stands, roughly.
    pub(super) fn of_text(&self, text: &[u8]) -> f64 {
        let text: Vec<u8> = text.iter().copied().map(folded).collect();
        text.array_windows().map(|window| self.of_window(*window)).sum()
    }

    /// As if what follows two bytes were independent of what stands before them.
    fn of_window(&self, [one, two, three, four]: [u8; 4]) -> f64 {
        self.of_three([one, two, three]) * self.of_three([two, three, four])
            / self.twos[place(two, three)]
            / self.bytes
    }

    fn of_three(&self, [one, two, three]: [u8; 3]) -> f64 {
        let pairs = self.twos[place(one, two)] * self.twos[place(two, three)];
        let counted = self.threes.get(&[one, two, three]).copied().unwrap_or(0.0);
        counted + EXPECTED * pairs / self.ones[usize::from(two)]
    }
}

fn place(one: u8, two: u8) -> usize {
    usize::from(one) << 8 | usize::from(two)
}

/// Digits are all the same, and so is letter case.
fn folded(byte: u8) -> u8 {
    if byte.is_ascii_digit() { b'0' } else { byte.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_every_page_costs_more_than_what_stands_in_none() {
        let pages = Pages::ordinary();
        assert!(pages.of_text(b" the ") > 10.0 * pages.of_text(b"syntax"));
        assert!(pages.of_text(b"<p>") == 0.0 && pages.of_text(b"</p>") > pages.of_text(b"mysql"));
    }
}
