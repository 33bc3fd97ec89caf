//! The official Cedar engine behind four C functions (../cedar.h has their meaning). No panic leaves
//! this file: it would end the process that links it.

use std::ffi::{c_char, c_int, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema, ValidationMode,
    Validator,
};
use serde_json::{json, Value};

pub struct Loaded {
    policies: PolicySet,
    schema: Schema,
    authorizer: Authorizer,
}

/// One fault, with the place of its first label in the text: 1-based line and column.
fn fault(text: &str, diagnostic: &dyn miette::Diagnostic) -> Value {
    let mut message = diagnostic.to_string();
    if let Some(help) = diagnostic.help() {
        message.push_str(&format!(" ({help})"));
    }
    let offset = diagnostic.labels().and_then(|mut labels| labels.next()).map(|l| l.offset());
    let before = offset.and_then(|o| text.get(..o.min(text.len())));
    match before {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            json!({"line": line, "column": column, "message": message})
        }
        None => json!({"line": 0, "column": 0, "message": message}),
    }
}

fn load(policies: &str, schema: &str) -> Result<Loaded, Vec<Value>> {
    let (schema, _) = Schema::from_cedarschema_str(schema)
        .map_err(|e| vec![json!({"line": 0, "column": 0, "message": format!("schema: {e}")})])?;
    let policies_read = PolicySet::from_str(policies).map_err(|errors| {
        errors.iter().map(|e| fault(policies, e)).collect::<Vec<_>>()
    })?;
    let result = Validator::new(schema.clone()).validate(&policies_read, ValidationMode::Strict);
    let faults: Vec<Value> = result.validation_errors().map(|e| fault(policies, e)).collect();
    if faults.is_empty() {
        Ok(Loaded { policies: policies_read, schema, authorizer: Authorizer::new() })
    } else {
        Err(faults)
    }
}

/// {"principal": {"type", "id"}, "action": {…}, "resource": {…}, "context": {…}, "entities": […]}
fn decide(loaded: &Loaded, text: &str) -> Result<(bool, Value), String> {
    let request: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let uid = |name: &str| -> Result<EntityUid, String> {
        EntityUid::from_json(request[name].clone()).map_err(|e| format!("{name}: {e}"))
    };
    let action = uid("action")?;
    let context = Context::from_json_value(request["context"].clone(), Some((&loaded.schema, &action)))
        .map_err(|e| format!("context: {e}"))?;
    let entities = Entities::from_json_value(request["entities"].clone(), Some(&loaded.schema))
        .map_err(|e| format!("entities: {e}"))?;
    let asked = Request::new(uid("principal")?, action, uid("resource")?, context, Some(&loaded.schema))
        .map_err(|e| e.to_string())?;
    let response = loaded.authorizer.is_authorized(&asked, &loaded.policies, &entities);
    // A policy is named by its @id, where it has one.
    let reasons: Vec<String> = response
        .diagnostics()
        .reason()
        .map(|id| loaded.policies.annotation(id, "id").map_or_else(|| id.to_string(), str::to_string))
        .collect();
    let errors: Vec<String> = response.diagnostics().errors().map(|e| e.to_string()).collect();
    let allowed = response.decision() == Decision::Allow && errors.is_empty();
    Ok((allowed, json!({"policies": reasons, "errors": errors})))
}

unsafe fn text<'a>(bytes: *const c_char, size: usize) -> Option<&'a str> {
    std::str::from_utf8(std::slice::from_raw_parts(bytes.cast::<u8>(), size)).ok()
}

unsafe fn give(out: *mut *mut c_char, value: &Value) {
    *out = CString::new(value.to_string()).map_or(std::ptr::null_mut(), CString::into_raw);
}

/// # Safety
/// `policies` and `schema` point to that many bytes, `faults` to a place for a pointer.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_load(
    policies: *const c_char,
    policies_size: usize,
    schema: *const c_char,
    schema_size: usize,
    faults: *mut *mut c_char,
) -> *mut Loaded {
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        match (text(policies, policies_size), text(schema, schema_size)) {
            (Some(policies), Some(schema)) => load(policies, schema),
            _ => Err(vec![json!({"line": 0, "column": 0, "message": "not UTF-8"})]),
        }
    }));
    match loaded {
        Ok(Ok(loaded)) => Box::into_raw(Box::new(loaded)),
        Ok(Err(list)) => {
            give(faults, &json!(list));
            std::ptr::null_mut()
        }
        Err(_) => {
            give(faults, &json!([{"line": 0, "column": 0, "message": "the engine gave up"}]));
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// `loaded` came from drover_cedar_load and was not freed; `request` points to that many bytes.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_decide(
    loaded: *const Loaded,
    request: *const c_char,
    size: usize,
    reasons: *mut *mut c_char,
) -> c_int {
    let decided = catch_unwind(AssertUnwindSafe(|| match text(request, size) {
        Some(request) => decide(&*loaded, request),
        None => Err("not UTF-8".to_string()),
    }));
    match decided {
        Ok(Ok((allowed, why))) => {
            give(reasons, &why);
            c_int::from(allowed)
        }
        Ok(Err(message)) => {
            give(reasons, &json!({"policies": [], "errors": [message]}));
            -1
        }
        Err(_) => {
            give(reasons, &json!({"policies": [], "errors": ["the engine gave up"]}));
            -1
        }
    }
}

/// # Safety
/// `loaded` came from drover_cedar_load and is not used again.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_free(loaded: *mut Loaded) {
    if !loaded.is_null() {
        drop(Box::from_raw(loaded));
    }
}

/// # Safety
/// `text` came from one of the functions above and is not used again.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_free_text(text: *mut c_char) {
    if !text.is_null() {
        drop(CString::from_raw(text));
    }
}
