//! tmp
use disklessset::*;
use disklessset_plugin_api::*;
use std::collections::BTreeMap;
use std::sync::Arc;
struct P;
impl Observer for P {
    fn line(&self, l: Level, t: &str) {
        eprintln!("{l:?} {t}");
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let site = Site::open(
        &SiteOptions {
            root: Some(a[1].clone().into()),
            modules_dir: Some(a[2].clone().into()),
            ..Default::default()
        },
        Arc::new(P),
    )
    .unwrap();
    for e in site.classes().registry().entries() {
        eprintln!("{} {:?} {:?}", e.name, e.state, e.reason);
    }
    let m = ImageManager::new(&site);
    let n = ImageName::parse(&a[4]).unwrap();
    let r = match a[3].as_str() {
        "create" => {
            let mut g = BTreeMap::new();
            g.insert("my_message".into(), Raw::Text(a[5].clone()));
            if a.len() > 6 {
                g.insert("crash".into(), Raw::Text("yes".into()));
            }
            m.run_action("DemoImage", "create", &n, g).map(|_| ())
        }
        "message" => {
            let mut g = BTreeMap::new();
            g.insert("my_message".into(), Raw::Text(a[5].clone()));
            m.run_action("DemoImage", "message", &n, g).map(|_| ())
        }
        "clone" => m.clone_image(&n, &ImageName::parse(&a[5]).unwrap()),
        "remove" => m.remove(&n),
        "clear" => m.clear(&n),
        "clean" => m.clean(&[]).map(|r| eprintln!("{r:?}")),
        _ => Ok(()),
    };
    eprintln!("{r:?}");
    println!("{}", serde_json::to_string_pretty(&m.list().unwrap()).unwrap());
}
