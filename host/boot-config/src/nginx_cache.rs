//! nginx as a cache in a rack.

use crate::place::Place;

pub(crate) fn configuration(place: &Place) -> String {
    let server = place.upstream();
    let base = place.path(&place.directories().base);
    let oci = place.path(&place.directories().oci);
    format!(
        "proxy_cache_path /var/cache/nginx/diskless levels=1:2 keys_zone=diskless:16m max_size=100g inactive=365d use_temp_path=off;

upstream boot_servers {{
    server {server};
    # server 10.0.0.2:80 backup;
}}

server {{
    listen 80;
    proxy_cache diskless;
    proxy_http_version 1.1;
    proxy_connect_timeout 3s;
    proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;

    # Never changes.
    location ~ \"^{oci}/blobs/sha256/[0-9a-f]{{64}}$\" {{
        slice 4m;
        proxy_set_header Range $slice_range;
        proxy_cache_key $uri$slice_range;
        proxy_cache_valid 200 206 3650d;
        proxy_cache_lock on;
        proxy_cache_lock_timeout 60s;
        # Each boot server has ETags of its own.
        proxy_hide_header ETag;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_pass http://boot_servers;
    }}

    # Changes: a boot server is asked each time.
    location {base}/ {{
        proxy_cache_key $uri;
        proxy_cache_valid 200 3650d;
        proxy_cache_bypass always;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_pass http://boot_servers;
        error_page 502 504 = @last;
    }}

    # No boot server answers.
    location @last {{
        proxy_cache_key $uri;
        proxy_cache_valid 200 3650d;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_pass http://boot_servers;
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::example;

    #[test]
    fn the_cache_asks_this_boot_server() {
        let text = configuration(&example());
        assert!(text.contains("    server 10.0.0.1:80;\n"), "{text}");
        assert!(text.contains("location /preboot_execution_environment/diskless/ {"), "{text}");
    }
}
