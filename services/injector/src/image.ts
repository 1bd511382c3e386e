import type { PodSettings } from "./annotations.ts";
import type { InjectorSettings } from "./inject.ts";
import type { ProxySettings } from "./proxy-settings.ts";

/** Kinds that Istio publishes beside the default, by the end of the tag. */
const knownTypes = ["distroless", "debug"];

export interface ImageChoice {
  readonly settings: InjectorSettings;
  readonly asked: PodSettings;
  readonly proxyConfig: ProxySettings;
}

/** The image of `istio-init` and `istio-proxy`: the pod's own, or the installation's with the kind that is asked for. */
export function proxyImage({ settings, asked, proxyConfig }: ImageChoice): string {
  if (asked.proxyImage !== undefined) return asked.proxyImage;
  const type = imageTypeOf(asked, proxyConfig);
  return type === undefined || !exists(settings, type) ? settings.proxyImage : withType(settings.proxyImage, type);
}

/** What a user should know of the image that was chosen. */
export function imageWarnings({ settings, asked, proxyConfig }: ImageChoice): readonly string[] {
  const type = imageTypeOf(asked, proxyConfig);
  if (type === undefined || type === "default" || asked.proxyImage !== undefined) return [];
  if (settings.proxyImage.includes("@"))
    return [
      `image type ${type}: the proxy's image is named by its digest (${settings.proxyImage}), so there is one kind`,
    ];
  if (exists(settings, type)) return [];
  return [
    `image type ${type}: the pod gets ${settings.proxyImage}, as this installation has no images of that kind; publish ${withType(settings.proxyImage, type)} and name the kind in the chart's proxy.imageTypes`,
  ];
}

/** A pod with an image that is nowhere would not start: only kinds that the installation is said to have. */
function exists({ imageTypes }: InjectorSettings, type: string): boolean {
  return type === "default" || imageTypes.includes(type);
}

function imageTypeOf(asked: PodSettings, { image }: ProxySettings): string | undefined {
  const { imageType } = (typeof image === "object" && image !== null ? image : {}) as { readonly imageType?: unknown };
  const type = asked.imageType ?? imageType;
  return typeof type === "string" && type !== "" ? type : undefined;
}

/** `repository:tag-type`, as Istio names images; one with a digest is what it is. */
function withType(image: string, type: string): string {
  if (image.includes("@")) return image;
  const colon = image.indexOf(":", image.lastIndexOf("/"));
  const [name, tag] = colon < 0 ? [image, "latest"] : [image.slice(0, colon), image.slice(colon + 1)];
  const other = knownTypes.find((known) => tag.endsWith(`-${known}`));
  const plain = other === undefined ? tag : tag.slice(0, -other.length - 1);
  return `${name}:${type === "default" ? plain : `${plain}-${type}`}`;
}
