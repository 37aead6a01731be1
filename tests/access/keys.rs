//! Tokens that keys of a JWKS file check.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::StatusCode;
use ring::{
    rand::SystemRandom,
    signature::{
        Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::json;

use crate::support::{
    app::lesson_with,
    auth::{jwt, now, signed},
    http::status,
};

#[tokio::test]
async fn a_jwks_key_verifies_tokens_of_its_own_algorithm_only() {
    // RFC 8037, appendix A: the key pair of the examples.
    let jwks = json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "kid": "one", "alg": "EdDSA",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }] });
    let private = der("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g");
    let private = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&private).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, jwks.to_string()).unwrap();
    let app = lesson_with(|settings| settings.access.jwks = Some(path)).await;
    let sign = |kid: Option<&str>| {
        let header = json!({ "alg": "EdDSA", "kid": kid });
        let claims = json!({ "role": "viewer", "exp": now() + 60 });
        jwt(&header, &claims, |text| {
            private.sign(text).as_ref().to_vec()
        })
    };
    for (token, expected) in [
        (sign(None), StatusCode::OK),
        (sign(Some("one")), StatusCode::OK),
        (sign(Some("two")), StatusCode::UNAUTHORIZED),
        // The public key used as a shared secret (algorithm confusion).
        (
            signed(
                json!({ "role": "editor", "exp": now() + 60 }),
                "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            ),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        assert_eq!(
            status(&app, &[("authorization", &format!("Bearer {token}"))]).await,
            expected
        );
    }
}

/// Returns the bytes of a private key, PKCS #8.
fn der(base64: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(base64.replace('\n', "")).unwrap()
}

/// A key pair for this test only.
const RSA: &str = "\
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDDSBsaw730T/+vVmrYrLqPJHCRTpdy
bzh2pnYEHmc29Cx3AObidK9iH9dNZafUfg2WMyf//tNS+4TCq/SOEPg2QI5G370jiRhY3NRQKu/p1fs5
2aBGrlaFDz/2ADkCAJtzZpth9T0yz3ksyL9O/sJM1deEnAY8v3HlQeu9XAqKhExCm1EoZfeMvcsBEft0
H8UhFd4vJO0ti3JvQWCnmD0rsX4+fuzGje77O2GtIs21nAFecznkdqVuJkKHehfzcQEWfnd0f7kXVX/v
Gz33JpfvROgu+eCE9TCG9euBApuwMERcusiCPckL3fyeHr3kt5JKb346QNmQTipYjtAC7nRlAgMBAAEC
ggEAEyUJizkvcTk6jt0BApcEfy4KXyR+Uni252LwZPz6D3gmt8/90quv2gXXHL5fksR83oHLZRx9aUBB
RriG9DqTqvXvPOGIcGhrW6Liqa1b8efJhmVggi1rTAYvthVVgW2/z7N6fkMFqeqPLaXMo5j0QYYhZ93H
+sKmDtzEmL7iRawArEuL7Qu/m+WeziMeH8uu/vH34zICvXgY6M5SQ3C93KCq6tM6jteQnzymp/O9tC6v
Muy/i1oD0gn01zruoEjIHRyz8EamSJPgFs/oyGy0eEPTI0vXkUdriFcp1FLoeSclax/LwBuMB/pwLR/j
jJH+ukubKoFQtAW81LnWRenjYQKBgQD05Xq/2C7bi+Cyf1v6YT5oiMHnPtrP6FUKxrKe39mv8B3B97Q/
oRW1l7eFiOcLNslRm6M0hJ2FjDHSHjEEMOt/dRMKE26oMFh9LTVaPrMQTZVb+mIIsQytUIlS/LL1ok2p
KV5ak5JDtR0lM7Rc2gupe1CuYRBRWL8RT89849pp3QKBgQDMIr8Zek3LaZDEC9q6832ZiCcREewVj7An
eRgEm9XtpC/xh1+jnukLfvT7eZqkk0mbVh6JGItXbGxBgcx9Vrns+bjXw7KnBtuD02PGJIeTYwnmDLWx
IlKLv7M7qPp4MOI5kjjQRaNtSrObYz2vy7Ic/lzKlaJb773rtnEwoEmAKQKBgQDK4z9hpuGTI/yBBQCX
m27PvdUfFrTDIFEsP1eGRiAcIYsVwnjDaloI+uuhJr17TeVVxeJdRS0XkgFIeZjURw8jpkOiylyX3I3D
DuwvmthQvmXqMLJ9TukYwSsz5IUC+XbrmYlA8xdvHqJJyt83ObIFtFMwVNvm+OY6mmtkpYSyxQKBgQCK
o/ah+Ryo0BOP8nUlj4V4Jq5Ru5hZtHLw/B9B0gzjDyW4pjZgS+b+9cSwnpBWwem15DFs7wyD3ZFQlDUr
0yEHPzs43yKQqemgiIs04U5q3VK1uWAU47ioTRQPqt4hjyG19Ac9/G3YJmoBWM9me7OGWYLv29yfEB4u
3oPVgKcqsQKBgAFk0c5qF/46r9+GD2g+ziRPycPVkXvGfCRckx9NcUxyVPE0Thphdu89Tft61aozqrwq
GVUxIBg7S68qkArMhoAZR57RB5024LF5xAjqOvIn+ET4s0vHnKVkWxVge23n+DR5cIr5sx6nsG8Bnke3
sFXpx3pZ0RuVgGlk8PWj2thI";
const RSA_MODULUS: &str = "w0gbGsO99E__r1Zq2Ky6jyRwkU6Xcm84dqZ2BB5nNvQsdwDm4nSvYh_XTWWn1H4NljMn__7TUvuEwqv0jhD4NkCORt-9I4kYWNzUUCrv6dX7OdmgRq5WhQ8_9gA5AgCbc2abYfU9Ms95LMi_Tv7CTNXXhJwGPL9x5UHrvVwKioRMQptRKGX3jL3LARH7dB_FIRXeLyTtLYtyb0Fgp5g9K7F-Pn7sxo3u-zthrSLNtZwBXnM55HalbiZCh3oX83EBFn53dH-5F1V_7xs99yaX70ToLvnghPUwhvXrgQKbsDBEXLrIgj3JC938nh695LeSSm9-OkDZkE4qWI7QAu50ZQ";

#[tokio::test]
async fn an_rsa_key_verifies_rs256_tokens_only() {
    let jwks = json!({ "keys": [
        { "kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "e": "AQAB", "n": RSA_MODULUS },
    ] });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, jwks.to_string()).unwrap();
    let app = lesson_with(|settings| {
        settings.access.jwks = Some(path.clone());
        settings.access.jwks_algorithm = server::config::KeyAlgorithm::Rs256;
    })
    .await;
    let private = RsaKeyPair::from_pkcs8(&der(RSA)).unwrap();
    let sign = |algorithm: &str, kid: Option<&str>, exp: i64| {
        let encoding: &dyn RsaEncoding = match algorithm {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS512" => &RSA_PKCS1_SHA512,
            _ => &RSA_PSS_SHA256,
        };
        let header = json!({ "alg": algorithm, "kid": kid });
        let claims = json!({ "role": "viewer", "exp": now() + exp });
        jwt(&header, &claims, |text| {
            let mut signature = vec![0; private.public().modulus_len()];
            let random = SystemRandom::new();
            private
                .sign(encoding, &random, text, &mut signature)
                .unwrap();
            signature
        })
    };
    let altered = {
        let good = sign("RS256", None, 60);
        let (head, signature) = good.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{head}.{other}{}", &signature[1..])
    };
    for (token, expected, why) in [
        (sign("RS256", None, 60), StatusCode::OK, "good"),
        (sign("RS256", Some("one"), 60), StatusCode::OK, "its key"),
        (
            sign("RS256", Some("two"), 60),
            StatusCode::UNAUTHORIZED,
            "another key",
        ),
        (
            sign("RS256", None, -60),
            StatusCode::UNAUTHORIZED,
            "expired",
        ),
        (
            sign("RS512", None, 60),
            StatusCode::UNAUTHORIZED,
            "another algorithm",
        ),
        (
            sign("PS256", None, 60),
            StatusCode::UNAUTHORIZED,
            "another padding",
        ),
        (altered, StatusCode::UNAUTHORIZED, "another signature"),
        (
            signed(json!({ "role": "editor", "exp": now() + 60 }), RSA_MODULUS),
            StatusCode::UNAUTHORIZED,
            "the public key as a secret",
        ),
    ] {
        let bearer = format!("Bearer {token}");
        assert_eq!(
            status(&app, &[("authorization", &bearer)]).await,
            expected,
            "{why}"
        );
    }
}
