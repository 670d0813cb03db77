//! What ordinary values look like: how often pairs of byte classes occur in them.
//!
//! Only the speed of the compiled engine rests on it: clauses whose pairs are rare here wake few rules for nothing.

use super::prefilter::pairs;
use crate::ir::sieve::{CLASSES, class};

/// Values of requests as browsers, mobile applications and services send them.
pub(super) const ORDINARY: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "okhttp/4.12.0",
    "curl/8.9.1",
    "python-requests/2.32.3",
    "Go-http-client/1.1",
    "acme-billing/3.2.0 (linux; amd64)",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
    "application/json, text/plain, */*",
    "image/avif,image/webp,image/apng,image/svg+xml,*/*;q=0.8",
    "*/*",
    "gzip, deflate, br, zstd",
    "gzip",
    "identity",
    "en-US,en;q=0.9",
    "de-DE,de;q=0.8,en;q=0.5",
    "keep-alive",
    "close",
    "no-cache",
    "max-age=0",
    "same-origin",
    "navigate",
    "document",
    "cors",
    "empty",
    "?0",
    "?1",
    "1",
    "\"Chromium\";v=\"127\", \"Not)A;Brand\";v=\"99\"",
    "\"Windows\"",
    "https://shop.example.net/catalogue/shoes?page=3&sort=price",
    "https://example.org/",
    "https://www.example.com/accounts/overview",
    "https://app.example.com",
    "www.example.com",
    "api.example.com:8443",
    "application/json",
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "text/html; charset=UTF-8",
    "multipart/form-data; boundary=----WebKitFormBoundaryA1b2C3d4E5f6G7h8",
    "0",
    "17",
    "1024",
    "48213",
    "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI4NDIxIiwiaWF0IjoxNzE2MjM5MDIyfQ.Kx3_p9Zq-W7vTnB2",
    "Tue, 12 Mar 2024 08:15:30 GMT",
    "W/\"5f3c-18a\"",
    "XMLHttpRequest",
    "Host",
    "User-Agent",
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "Referer",
    "Cookie",
    "Connection",
    "Content-Type",
    "Content-Length",
    "Authorization",
    "Upgrade-Insecure-Requests",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Fetch-User",
    "If-None-Match",
    "X-Requested-With",
    "X-Request-Id",
    "Cache-Control",
    "Origin",
    "DNT",
    "Priority",
    "u=0, i",
    "session",
    "theme",
    "lang",
    "consent",
    "_ga",
    "csrf_token",
    "PHPSESSID",
    "JSESSIONID",
    "GA1.2.1830042710.1712345678",
    "dark",
    "en",
    "light",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
    "3f2a9c17-d0b8-4e5c-9a41-77c1d2e3f4a5",
    "session=9f86d081884c7d65; theme=dark; lang=en; consent=1; _ga=GA1.2.1830042710.1712345678",
    "/",
    "/index.html",
    "/api/v1/customers/4821/orders",
    "/accounts/1842/transactions",
    "/static/css/main.8f3a2b.css",
    "/images/products/red-shoe.jpg",
    "/search",
    "/login",
    "/companies/7c1e/push/invoices",
    "/v2/users/me",
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "HTTP/1.1",
    "HTTP/2.0",
    "page=2&limit=50&sort=date&order=desc&from=2025-06-01",
    "GET /accounts/1842/transactions?page=2&limit=50&sort=date HTTP/1.1",
    "POST /api/v1/orders HTTP/1.1",
    "q",
    "id",
    "page",
    "limit",
    "sort",
    "order",
    "from",
    "to",
    "user",
    "name",
    "email",
    "password",
    "remember",
    "comment",
    "message",
    "first_name",
    "last_name",
    "phone",
    "address",
    "city",
    "postcode",
    "country",
    "date",
    "desc",
    "asc",
    "price",
    "red shoes",
    "How do I return an order?",
    "See you on Monday, and thanks for your help.",
    "Grace Hopper",
    "grace.hopper@example.com",
    "+44 20 7946 0958",
    "221B Baker Street",
    "London",
    "SW1A 1AA",
    "GB",
    "2025-06-01",
    "2025-06-01T09:30:00Z",
    "2024-11-05T14:12:07.123+01:00",
    "19.99",
    "1249.50",
    "-3.5",
    "true",
    "false",
    "null",
    "EUR",
    "invoice",
    "Submitted",
    "paid",
    "CUST-3257",
    "INV-2025-00417",
    "T4",
    "Bluebird Trading Ltd",
    "quarterly travel refund",
    "Please deliver to the back door; the bell does not work. Thank you!",
    "json.order.id",
    "json.items.array_0.name",
    "json.items.array_3.unitPrice",
    "json.customer.address.postalCode",
    "json.lineItems.array_1.taxRateRef.id",
    "json.lineItems.array_2.description",
    "json.metadata.createdAt",
    "items.items.quantity",
    "customerRef",
    "companyName",
    "currency",
    "issueDate",
    "dueDate",
    "lineItems",
    "description",
    "quantity",
    "unitAmount",
    "taxRateRef",
    "accountRef",
    "isActive",
    "totalAmount",
    "report-final.pdf",
    "photo_2025.jpg",
    "holiday pictures.zip",
    "Content-Disposition: form-data",
    "I have been a customer since 2019 and I'm very happy with the service, but this time the parcel was late.",
    "{\"id\":4711,\"name\":\"Red shoe\",\"price\":59.9,\"tags\":[\"new\",\"sale\"],\"active\":true,\"owner\":null}",
];

/// How often pairs of classes occur.
pub(super) struct Profile {
    /// Occurrences in one value.
    pairs: Box<[f64; CLASSES * CLASSES]>,
    /// Classes that occur in each value.
    masks: Vec<u64>,
}

impl Profile {
    pub(super) fn new() -> Self {
        // What does not occur here is rare, not impossible.
        let mut counts = Box::new([0.01; CLASSES * CLASSES]);
        for value in ORDINARY {
            for (first, second) in pairs(value.as_bytes()) {
                if let Some(count) = counts.get_mut(usize::from(first) * CLASSES + usize::from(second)) {
                    *count += 1.0;
                }
            }
        }
        let values = ORDINARY.len() as f64;
        counts.iter_mut().for_each(|count| *count /= values);
        let mask = |value: &&str| value.bytes().fold(0, |set, byte| set | 1 << class(byte));
        Self { pairs: counts, masks: ORDINARY.iter().map(mask).collect() }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &'static [u8]> {
        ORDINARY.iter().map(|value| value.as_bytes())
    }

    /// How many of the values hold a byte of each of the sets of classes.
    pub(super) fn holders(&self, sets: &[u64]) -> usize {
        self.masks.iter().filter(|mask| sets.iter().all(|set| *mask & set != 0)).count()
    }

    /// How often a text occurs in a value, roughly.
    pub(super) fn of_text(&self, text: &[u8]) -> f64 {
        let inner = pairs(text).skip(1).take(text.len().saturating_sub(1));
        let place = |(first, second): (u8, u8)| usize::from(first) * CLASSES + usize::from(second);
        inner.map(|pair| self.pairs.get(place(pair)).copied().unwrap_or_default().min(1.0)).product()
    }

    /// How often one of the pairs occurs in a value.
    pub(super) fn occurrences(&self, follow: &[u64; CLASSES]) -> f64 {
        let (rows, _) = self.pairs.as_chunks::<CLASSES>();
        let mut sum = 0.0;
        for (set, row) in follow.iter().zip(rows) {
            let mut left = *set;
            while left != 0 {
                sum += row.get(left.trailing_zeros() as usize).copied().unwrap_or_default();
                left &= left - 1;
            }
        }
        sum
    }
}
