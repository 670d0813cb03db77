//! What ordinary answers look like: how often four bytes follow one another in them.
//!
//! Only the speed of the compiled engine rests on it: of each phrase that rules look for in the body of an answer those windows are looked
//! up that are rare here.

use std::{collections::HashMap, sync::LazyLock};

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
];

/// How often windows of four bytes occur.
pub(super) struct Pages {
    /// Occurrences of three bytes.
    threes: HashMap<[u8; 3], f64>,
    /// Of two.
    twos: HashMap<[u8; 2], f64>,
    /// Bytes of all of it.
    bytes: f64,
}

impl Pages {
    pub(super) fn ordinary() -> &'static Self {
        static PAGES: LazyLock<Pages> = LazyLock::new(Pages::new);
        &PAGES
    }

    fn new() -> Self {
        let mut pages = Self { threes: HashMap::new(), twos: HashMap::new(), bytes: 0.0 };
        for text in ORDINARY {
            let text: Vec<u8> = text.bytes().map(folded).collect();
            text.array_windows().for_each(|three| *pages.threes.entry(*three).or_default() += 1.0);
            text.array_windows().for_each(|two| *pages.twos.entry(*two).or_default() += 1.0);
            pages.bytes += text.len() as f64;
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
        // What does not occur here is rare, not impossible.
        let of_three = |three| self.threes.get(&three).copied().unwrap_or(0.1);
        let between = self.twos.get(&[two, three]).copied().unwrap_or(1.0);
        of_three([one, two, three]) * of_three([two, three, four]) / between / self.bytes
    }
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
